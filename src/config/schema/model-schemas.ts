import { z } from "zod";
import { type SchemaOf, schemaOf } from "../options/filled.ts";
import { CONFIG_LIMITS } from "../options/limits.ts";
import type {
  AutoencoderConfig,
  Pretrained,
  PretrainedTokenizer,
  TextEncoderConfig,
  TokenizerConfig,
  TransformerConfig,
} from "../options/model-config.ts";
import { atLeastZero, count, countUpTo, flag, oneOf, positive, text } from "./value-schemas.ts";

/** Whether a part of a config names a folder to load its component from. */
function isPretrained(value: unknown): boolean {
  return typeof value === "object" && value !== null && "pretrained" in value;
}

const pretrained = z.strictObject(
  {
    pretrained: text,
    subfolder: text.nullable().default(null),
    revision: text.nullable().default(null),
  },
  "an object",
);

const newAutoencoder = z.strictObject(
  {
    latentChannels: count.default(4),
    blockOutChannels: z.tuple([count], count, "a list of widths").default([32, 64, 96]),
    layersPerBlock: count.default(1),
    normNumGroups: count.default(16),
    midBlockAddAttention: flag.default(true),
    useQuantConv: flag.default(true),
    usePostQuantConv: flag.default(true),
    scalingFactor: positive.nullable().default(null),
  },
  "an object",
);

const newTokenizer = z.strictObject(
  {
    vocabSize: countUpTo(CONFIG_LIMITS.vocabSize).default(2048),
    maxLength: countUpTo(CONFIG_LIMITS.maxLength).default(32),
  },
  "an object",
);

const newTextEncoder = z.strictObject(
  {
    dModel: count.default(128),
    dKv: count.default(32),
    numHeads: count.default(4),
    dFf: count.default(256),
    numLayers: count.default(2),
    feedForwardProj: oneOf("gated-gelu", "relu").default("gated-gelu"),
    relativeAttentionNumBuckets: count.default(32),
    relativeAttentionMaxDistance: count.default(128),
    layerNormEpsilon: positive.default(1e-6),
    initializerFactor: positive.default(1),
  },
  "an object",
);

/** Checks `autoencoder`: as pretrained or as new, depending on `value`. */
export function autoencoderSchema(value: unknown): SchemaOf<AutoencoderConfig | Pretrained> {
  const schema = isPretrained(value) ? pretrained : newAutoencoder;
  return schemaOf<AutoencoderConfig | Pretrained>()(schema);
}

/** Checks `tokenizer`: as pretrained or as new, depending on `value`. */
export function tokenizerSchema(value: unknown): SchemaOf<TokenizerConfig | PretrainedTokenizer> {
  const schema = isPretrained(value)
    ? pretrained.extend({ maxLength: countUpTo(CONFIG_LIMITS.maxLength).default(120) })
    : newTokenizer;
  return schemaOf<TokenizerConfig | PretrainedTokenizer>()(schema);
}

/** Checks `textEncoder`: as pretrained or as new, depending on `value`. */
export function textEncoderSchema(value: unknown): SchemaOf<TextEncoderConfig | Pretrained> {
  const schema = isPretrained(value) ? pretrained : newTextEncoder;
  return schemaOf<TextEncoderConfig | Pretrained>()(schema);
}

const newTransformer = z.strictObject(
  {
    numLayers: count,
    numAttentionHeads: count,
    attentionHeadDim: count,
    patchSize: count.default(2),
    outChannels: count.nullable().default(null),
    attentionBias: flag.default(true),
    normEps: atLeastZero.default(1e-6),
    useAdditionalConditions: flag.default(false),
  },
  "the transformer's shape, or a pipeline as `base`,",
);

/** Checks `transformer`: as pretrained or as new, depending on `value`. */
export function transformerSchema(value: unknown): SchemaOf<TransformerConfig | Pretrained> {
  const schema = isPretrained(value) ? pretrained : newTransformer;
  return schemaOf<TransformerConfig | Pretrained>()(schema);
}
