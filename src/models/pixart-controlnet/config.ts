import { count, type FieldsOf } from "../../files/reading/config-fields.ts";
import type { ConfigObject } from "../../weights/index.ts";
import {
  completeConfig,
  readConfig,
  requireClass,
  type Warn,
  writeConfig,
} from "../config-fields.ts";
import { type PixArtBlockConfig, pixArtFields } from "../pixart/config.ts";
import { requireLayers } from "../pixart/kv-compression.ts";

/**
 * Configuration of {@link PixArtControlNetAdapterModel}. diffusers' class only has `numLayers` and always copies XL/2's blocks;
 * the other fields describe other blocks, and are only written if they differ from XL/2's.
 */
export interface PixArtControlNetConfig extends PixArtBlockConfig {
  /** Number of the transformer's first blocks that are copied: 13 of 28 in PixArt-δ. */
  readonly numLayers: number;
}

const fields: FieldsOf<PixArtControlNetConfig> = {
  numLayers: count(13),
  numAttentionHeads: pixArtFields.numAttentionHeads,
  attentionHeadDim: pixArtFields.attentionHeadDim,
  crossAttentionDim: pixArtFields.crossAttentionDim,
  attentionBias: pixArtFields.attentionBias,
  activationFn: pixArtFields.activationFn,
  normElementwiseAffine: pixArtFields.normElementwiseAffine,
  normEps: pixArtFields.normEps,
  kvCompressConfig: pixArtFields.kvCompressConfig,
  qkNorm: pixArtFields.qkNorm,
  mlpRatio: pixArtFields.mlpRatio,
};

const consistent = (config: PixArtControlNetConfig): PixArtControlNetConfig => {
  requireLayers(config);
  return config;
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export const pixArtControlNetConfig = (
  given: Partial<PixArtControlNetConfig>,
): PixArtControlNetConfig => consistent(completeConfig(fields, given as Record<string, unknown>));

/** Reads `config.json` of an adapter, which `path` names in errors. Throws as {@link pixArtControlNetConfig} does. */
export function readPixArtControlNetConfig(
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn?: Warn,
): PixArtControlNetConfig {
  requireClass(json, path, "PixArtControlNetAdapterModel");
  return consistent(readConfig(fields, json, path, warn));
}

/** What diffusers' research example writes into `config.json`, plus what differs from XL/2's blocks. */
export function writePixArtControlNetConfig(config: PixArtControlNetConfig): ConfigObject {
  const isWritten = ([name, value]: [string, unknown]): boolean =>
    name === "numLayers" || value !== fields[name as keyof typeof fields].initial;
  const written = Object.fromEntries(Object.entries(config).filter(isWritten));
  return writeConfig(written, "PixArtControlNetAdapterModel");
}
