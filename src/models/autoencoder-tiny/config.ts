import { InvalidValueError } from "../../errors/index.ts";
import {
  count,
  countUpTo,
  type FieldsOf,
  finite,
  listOf,
  oneOf,
  positive,
} from "../../files/reading/config-fields.ts";
import type { ConfigObject } from "../../weights/index.ts";
import {
  completeConfig,
  readConfig,
  requireClass,
  type Warn,
  writeConfig,
} from "../config-fields.ts";

/** Widths or numbers of blocks, from the picture inwards in the encoder and outwards in the decoder. */
type Levels = readonly [number, ...number[]];

/** Configuration of {@link AutoencoderTiny}: diffusers' fields in camelCase, diffusers' defaults (TAESD). */
export interface AutoencoderTinyConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** All equal: nothing in the model changes the width. */
  readonly encoderBlockOutChannels: Levels;
  /** All equal. */
  readonly decoderBlockOutChannels: Levels;
  readonly actFn: "relu" | "silu" | "swish" | "gelu";
  readonly upsampleFn: "nearest" | "bilinear" | "bicubic";
  readonly latentChannels: number;
  readonly upsamplingScalingFactor: number;
  readonly numEncoderBlocks: Levels;
  readonly numDecoderBlocks: Levels;
  /** {@link AutoencoderTiny.scaleLatents} preserves latents between −this and this; the decoder's own bound is 3. */
  readonly latentMagnitude: number;
  /** What a latent of 0 is scaled to. */
  readonly latentShift: number;
  /** Always false: it is safe in float16. */
  readonly forceUpcast: false;
  /** 1: it works directly on the diffusion model's latents. */
  readonly scalingFactor: number;
  readonly shiftFactor: number;
  /** The decoder's widths, from which pipelines derive the size of latents. A given value is replaced. */
  readonly blockOutChannels: Levels;
}

const levels = (...initial: Levels) =>
  listOf<Levels>(initial, "positive integers", count(1).accepts);

const fields: FieldsOf<AutoencoderTinyConfig> = {
  inChannels: count(3),
  outChannels: count(3),
  encoderBlockOutChannels: levels(64, 64, 64, 64),
  decoderBlockOutChannels: levels(64, 64, 64, 64),
  actFn: oneOf("relu", "silu", "swish", "gelu"),
  upsampleFn: oneOf("nearest", "bilinear", "bicubic"),
  latentChannels: count(4),
  upsamplingScalingFactor: countUpTo(2, 4),
  numEncoderBlocks: levels(1, 3, 3, 3),
  numDecoderBlocks: levels(3, 3, 3, 1),
  latentMagnitude: positive(3),
  latentShift: finite(0.5),
  forceUpcast: oneOf(false),
  scalingFactor: positive(1),
  shiftFactor: finite(0),
  blockOutChannels: levels(64, 64, 64, 64),
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export const autoencoderTinyConfig = (
  given: Partial<AutoencoderTinyConfig>,
): AutoencoderTinyConfig => consistent(completeConfig(fields, given as Record<string, unknown>));

/** Reads `config.json` of an autoencoder, which `path` names in errors. Throws as {@link autoencoderTinyConfig} does. */
export function readAutoencoderTinyConfig(
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn?: Warn,
): AutoencoderTinyConfig {
  requireClass(json, path, "AutoencoderTiny");
  return consistent(readConfig(fields, json, path, warn));
}

/** What diffusers writes into `config.json` for this configuration. */
export const writeAutoencoderTinyConfig = (config: AutoencoderTinyConfig): ConfigObject =>
  writeConfig(config, "AutoencoderTiny");

function consistent(config: AutoencoderTinyConfig): AutoencoderTinyConfig {
  for (const [widthField, blockField] of [
    ["encoderBlockOutChannels", "numEncoderBlocks"],
    ["decoderBlockOutChannels", "numDecoderBlocks"],
  ] as const) {
    const widths = config[widthField];
    const blocks = config[blockField];
    if (widths.length !== blocks.length) {
      throw new InvalidValueError(
        `Expected as many ${blockField} as ${widthField}, ${widths.length}, but received ${blocks.length}`,
      );
    }
    const other = widths.find((width) => width !== widths[0]);
    if (other !== undefined) {
      throw new InvalidValueError(
        `Expected equal widths for ${widthField} but received ${widths[0]} and ${other}: no layer of it changes the width`,
      );
    }
  }
  return { ...config, blockOutChannels: config.decoderBlockOutChannels };
}
