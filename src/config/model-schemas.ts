import { z } from "zod";
import { type SchemaOf, schemaOf } from "./filled.ts";
import type {
  AutoencoderConfig,
  Pretrained,
  PretrainedTokenizer,
  TextEncoderConfig,
  TokenizerConfig,
  TransformerConfig,
} from "./model-config.ts";
import { atLeastZero, count, decay, flag, oneOf, positive, text } from "./value-schemas.ts";

const pretrained = z.strictObject({ pretrained: text }, "an object");

const width = "a positive integer for each level";

/** Checks `autoencoder`. */
export const autoencoderSchema: SchemaOf<AutoencoderConfig | Pretrained> = schemaOf<
  AutoencoderConfig | Pretrained
>()(
  z.union([
    pretrained,
    z.strictObject({
      latentChannels: count.default(4),
      blockOutChannels: z.tuple([count], count, width).default([32, 64, 96]),
      layersPerBlock: count.default(1),
      normNumGroups: count.default(16),
      midBlockAddAttention: flag.default(true),
      useQuantConv: flag.default(true),
      usePostQuantConv: flag.default(true),
      scalingFactor: positive.nullable().default(null),
    }),
  ]),
);

/** Checks `tokenizer`. */
export const tokenizerSchema: SchemaOf<TokenizerConfig | PretrainedTokenizer> = schemaOf<
  TokenizerConfig | PretrainedTokenizer
>()(
  z.union([
    pretrained.extend({ maxLength: count.default(120) }),
    z.strictObject({ vocabSize: count.default(2048), maxLength: count.default(32) }),
  ]),
);

/** Checks `textEncoder`. */
export const textEncoderSchema: SchemaOf<TextEncoderConfig | Pretrained> = schemaOf<
  TextEncoderConfig | Pretrained
>()(
  z.union([
    pretrained,
    z.strictObject({
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
    }),
  ]),
);

/** Checks `transformer`. */
export const transformerSchema: SchemaOf<TransformerConfig> = schemaOf<TransformerConfig>()(
  z.strictObject(
    {
      numLayers: count,
      numAttentionHeads: count,
      attentionHeadDim: count,
      patchSize: count.default(2),
      outChannels: count.nullable().default(null),
      dropout: decay.default(0),
      attentionBias: flag.default(true),
      normEps: atLeastZero.default(1e-6),
      useAdditionalConditions: flag.default(false),
    },
    "an object",
  ),
);
