import { expected } from "../../errors/index.ts";
import {
  count,
  countUpTo,
  type FieldsOf,
  flag,
  nullable,
  oneOf,
  positive,
  share,
} from "../../files/reading/config-fields.ts";
import type { ConfigObject } from "../../weights/index.ts";
import {
  completeConfig,
  MOST_SAMPLE_SIZE,
  readConfig,
  requireClass,
  type Warn,
  warnOfDropout,
  writeConfig,
} from "../config-fields.ts";
import { type FeedForwardActivation, feedForwardActivations } from "../feed-forward.ts";
import type { PixArtBlockOptions } from "./block.ts";
import { type KVCompressConfig, kvCompression, requireLayers } from "./kv-compression.ts";

/** Configuration of {@link PixArtTransformer2DModel}: diffusers' fields in camelCase, diffusers' defaults (XL/2). */
export interface PixArtTransformerConfig {
  readonly numAttentionHeads: number;
  /** Width of one head; the model is `numAttentionHeads · attentionHeadDim` wide. */
  readonly attentionHeadDim: number;
  readonly inChannels: number;
  /** 4 for the noise and 4 for its variance at release; `inChannels` if null. */
  readonly outChannels: number | null;
  readonly numLayers: number;
  /** No effect: dropout is for training, and PixArt is trained without. Only stored. */
  readonly dropout: number;
  /** Not used by PixArt. */
  readonly normNumGroups: number;
  /** Width of the caption tokens that reach the blocks: the model's own width if captions are projected. */
  readonly crossAttentionDim: number;
  readonly attentionBias: boolean;
  /** Side of the latent picture that the model is made for; positions of other sizes are stretched over it. */
  readonly sampleSize: number;
  readonly patchSize: number;
  readonly activationFn: FeedForwardActivation;
  /** Not used by PixArt. */
  readonly numEmbedsAdaNorm: number;
  /** No effect: fused attention accumulates in float32 at every dtype. */
  readonly upcastAttention: boolean;
  readonly normType: "ada_norm_single";
  readonly normElementwiseAffine: boolean;
  /** Epsilon of the blocks' norms; the last norm uses 1e-6. */
  readonly normEps: number;
  /** Divides the positions; max(⌊sampleSize/64⌋, 1) if null. */
  readonly interpolationScale: number | null;
  /** Whether the time embedding also takes the picture's size and aspect ratio; if null, only at sampleSize 128. */
  readonly useAdditionalConditions: boolean | null;
  /** Width of the text encoder's states; if null, captions go to the blocks without projection. */
  readonly captionChannels: number | null;
  readonly attentionType: "default" | null;
  /** PixArt-Σ's compression of keys and values; null for none. Only written if set, because diffusers has no such field. */
  readonly kvCompressConfig: KVCompressConfig | null;
  /** Whether queries and keys of the self-attention are normalised (PixArt-Σ). Only written if true. */
  readonly qkNorm: boolean;
  /**
   * Width inside the MLPs, relative to the model's: 4 in all published models. Only written if it differs, because diffusers has
   * no such field.
   */
  readonly mlpRatio: number;
}

/** The part of a configuration that describes its blocks. */
export type PixArtBlockConfig = Pick<
  PixArtTransformerConfig,
  | "numAttentionHeads"
  | "attentionHeadDim"
  | "crossAttentionDim"
  | "attentionBias"
  | "activationFn"
  | "normElementwiseAffine"
  | "normEps"
  | "kvCompressConfig"
  | "qkNorm"
  | "mlpRatio"
>;

/** The fields of a {@link PixArtTransformerConfig}, with diffusers' defaults. */
export const pixArtFields: FieldsOf<PixArtTransformerConfig> = {
  numAttentionHeads: count(16),
  attentionHeadDim: count(72),
  inChannels: count(4),
  outChannels: nullable(count(8), 8),
  numLayers: count(28),
  dropout: share(0),
  normNumGroups: count(32),
  crossAttentionDim: count(1152),
  attentionBias: flag(true),
  sampleSize: countUpTo(128, MOST_SAMPLE_SIZE),
  patchSize: count(2),
  activationFn: oneOf(...feedForwardActivations),
  numEmbedsAdaNorm: count(1000),
  upcastAttention: flag(false),
  normType: oneOf("ada_norm_single"),
  normElementwiseAffine: flag(false),
  normEps: positive(1e-6),
  interpolationScale: nullable(positive(1)),
  useAdditionalConditions: nullable(flag(false)),
  captionChannels: nullable(count(4096)),
  attentionType: oneOf("default", null),
  kvCompressConfig: nullable(kvCompression),
  qkNorm: flag(false),
  mlpRatio: positive(4),
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export const pixArtTransformerConfig = (
  given: Partial<PixArtTransformerConfig>,
): PixArtTransformerConfig => completeConfig(pixArtFields, given as Record<string, unknown>);

/**
 * Reads `config.json` of a PixArt transformer, including one of the older class `Transformer2DModel`. `path` names the file in
 * errors and in warnings of unknown fields. Throws if it describes another model or holds a value that isn't understood.
 */
export function readPixArtTransformerConfig(
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn?: Warn,
): PixArtTransformerConfig {
  requireClass(json, path, "PixArtTransformer2DModel", "ada_norm_single");
  const config = readConfig(pixArtFields, json, path, warn);
  warnOfDropout(config, path, warn);
  return config;
}

/** What diffusers writes into `config.json` for this configuration, and PixArt-Σ's and our own fields if used. */
export function writePixArtTransformerConfig(config: PixArtTransformerConfig): ConfigObject {
  const { kvCompressConfig, qkNorm, mlpRatio, ...own } = config;
  const sigma = {
    ...(kvCompressConfig === null ? {} : { kvCompressConfig }),
    ...(qkNorm ? { qkNorm } : {}),
    ...(mlpRatio === 4 ? {} : { mlpRatio }),
  };
  return writeConfig({ ...own, ...sigma }, "PixArtTransformer2DModel");
}

/** Dimensions derived from a configuration. */
export interface PixArtDimensions {
  readonly width: number;
  readonly outChannels: number;
  /** Patches per side of the picture that the model is made for. */
  readonly baseSize: number;
  readonly interpolationScale: number;
  readonly usesAdditionalConditions: boolean;
}

/**
 * Derives what a configuration leaves open. Throws if the width does not fit the embeddings, and if a layer to be compressed does
 * not exist.
 */
export function pixArtDimensions(config: PixArtTransformerConfig): PixArtDimensions {
  const width = config.numAttentionHeads * config.attentionHeadDim;
  const usesAdditionalConditions = config.useAdditionalConditions ?? config.sampleSize === 128;
  // Positions use a quarter of the width each, for sine and cosine on two axes; sizes use a third for each of three numbers.
  const divisor = usesAdditionalConditions ? 12 : 4;
  if (width % divisor !== 0) {
    throw expected(`a multiple of ${divisor}`, "numAttentionHeads times attentionHeadDim", width);
  }
  requireLayers(config);
  return {
    width,
    outChannels: config.outChannels ?? config.inChannels,
    baseSize: Math.floor(config.sampleSize / config.patchSize),
    interpolationScale:
      config.interpolationScale ?? Math.max(Math.floor(config.sampleSize / 64), 1),
    usesAdditionalConditions,
  };
}

/** Options of the block of one layer. */
export function blockOptions(config: PixArtBlockConfig, layer: number): PixArtBlockOptions {
  const { kvCompressConfig } = config;
  return {
    dim: config.numAttentionHeads * config.attentionHeadDim,
    heads: config.numAttentionHeads,
    contextDim: config.crossAttentionDim,
    attentionBias: config.attentionBias,
    activation: config.activationFn,
    mlpRatio: config.mlpRatio,
    affine: config.normElementwiseAffine,
    eps: config.normEps,
    compression: kvCompressConfig?.kvCompressLayer.includes(layer) ? kvCompressConfig : undefined,
    qkNorm: config.qkNorm,
  };
}
