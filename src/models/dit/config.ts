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

/** Configuration of {@link DiTTransformer2DModel}: diffusers' fields in camelCase, the original's defaults (XL/2). */
export interface DiTConfig {
  readonly numAttentionHeads: number;
  /** Width of one head; the model is `numAttentionHeads · attentionHeadDim` wide. */
  readonly attentionHeadDim: number;
  readonly inChannels: number;
  /** 4 for the noise and 4 for its variance at release; `inChannels` if null. */
  readonly outChannels: number | null;
  readonly numLayers: number;
  /** No effect: dropout is for training, and DiT is trained without. Only stored. */
  readonly dropout: number;
  /** Not used by DiT. */
  readonly normNumGroups: number;
  readonly attentionBias: boolean;
  /** Side of the latent picture that the model is made for. */
  readonly sampleSize: number;
  readonly patchSize: number;
  readonly activationFn: FeedForwardActivation;
  /** Number of classes. The class table has one more row, for "no class". */
  readonly numEmbedsAdaNorm: number;
  /** No effect: fused attention accumulates in float32 at every dtype. */
  readonly upcastAttention: boolean;
  readonly normType: "ada_norm_zero";
  /** Scale and bias of the norm before the MLP; the others have none. */
  readonly normElementwiseAffine: boolean;
  /** Epsilon of the norm before the MLP; the others use 1e-6. */
  readonly normEps: number;
  /**
   * Frequencies of the embedded time: 0 divides their exponents by 128, as the original and PixArt do, and 1 by 127, as
   * diffusers' class does. Not a field of diffusers: Python ignores it.
   */
  readonly timestepFreqShift: 0 | 1;
  /**
   * Width inside the MLPs, relative to the model's: 4 in all published models. Only written if it differs, because diffusers has
   * no such field.
   */
  readonly mlpRatio: number;
  /**
   * Whether the class table has a row for "no class". False for models that were trained with `class_dropout_prob` 0. Only
   * written if false.
   */
  readonly hasNoClass: boolean;
}

const fields: FieldsOf<DiTConfig> = {
  numAttentionHeads: count(16),
  attentionHeadDim: count(72),
  inChannels: count(4),
  outChannels: nullable(count(8), 8),
  numLayers: count(28),
  dropout: share(0),
  normNumGroups: count(32),
  attentionBias: flag(true),
  sampleSize: countUpTo(32, MOST_SAMPLE_SIZE),
  patchSize: count(2),
  activationFn: oneOf(...feedForwardActivations),
  numEmbedsAdaNorm: count(1000),
  upcastAttention: flag(false),
  normType: oneOf("ada_norm_zero"),
  normElementwiseAffine: flag(false),
  normEps: positive(1e-6),
  timestepFreqShift: oneOf<0 | 1>(0, 1),
  mlpRatio: positive(4),
  hasNoClass: flag(true),
};

/** Fields whose default in diffusers' class differs from the original's; a file without one means diffusers' default. */
const fileFields: FieldsOf<DiTConfig> = {
  ...fields,
  outChannels: nullable(count(8)),
  normEps: positive(1e-5),
  timestepFreqShift: oneOf<0 | 1>(1, 0),
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export function diTConfig(given: Partial<DiTConfig>): DiTConfig {
  const config = completeConfig(fields, given as Record<string, unknown>);
  const width = config.numAttentionHeads * config.attentionHeadDim;
  if (width % 4 !== 0) {
    throw expected("a multiple of 4", "numAttentionHeads times attentionHeadDim", width);
  }
  return config;
}

/**
 * Reads `config.json` of a DiT, including one of the older class `Transformer2DModel`. `path` names the file in errors and in
 * warnings of unknown fields. Throws if it describes another model or holds a value that isn't understood.
 */
export function readDiTConfig(
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn?: Warn,
): DiTConfig {
  requireClass(json, path, "DiTTransformer2DModel", "ada_norm_zero");
  const config = readConfig(fileFields, json, path, warn);
  warnOfDropout(config, path, warn);
  return config;
}

/** What diffusers writes into `config.json` for this configuration, `timestep_freq_shift`, and our own fields if used. */
export function writeDiTConfig({ mlpRatio, hasNoClass, ...config }: DiTConfig): ConfigObject {
  const own = {
    ...(mlpRatio === 4 ? {} : { mlpRatio }),
    ...(hasNoClass ? {} : { hasNoClass }),
  };
  return writeConfig({ ...config, ...own }, "DiTTransformer2DModel");
}
