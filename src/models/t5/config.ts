import { expected, IncompatibleError } from "../../errors/index.ts";
import {
  count,
  type Field,
  type FieldsOf,
  oneOf,
  positive,
  tokenId,
} from "../../files/reading/config-fields.ts";
import { quote } from "../../files/reading/errors.ts";
import type { DType } from "../../torch/index.ts";
import type { ConfigObject } from "../../weights/index.ts";
import { completeConfig, readOwnFields, refuseQuantized, snakeFields } from "../config-fields.ts";

/** Configuration of {@link T5EncoderModel}: transformers' fields that concern the encoder, in camelCase. */
export interface T5Config {
  readonly vocabSize: number;
  /** Width of the hidden states. */
  readonly dModel: number;
  /** Width of one attention head; all heads together need not be as wide as dModel. */
  readonly dKv: number;
  /** Width inside the feed-forward layers. */
  readonly dFf: number;
  readonly numLayers: number;
  readonly numHeads: number;
  readonly relativeAttentionNumBuckets: number;
  /** Distance in tokens from which all positions share the last bucket. */
  readonly relativeAttentionMaxDistance: number;
  readonly layerNormEpsilon: number;
  /** Multiplies every initial weight. */
  readonly initializerFactor: number;
  /** "gated-gelu" in T5 v1.1, by the tanh form of GELU; "relu" in the first T5. */
  readonly feedForwardProj: "relu" | "gated-gelu";
  /** Only stored: there is no dropout here. */
  readonly dropoutRate: number;
  readonly padTokenId: number;
  readonly eosTokenId: number;
}

const number = (initial: number): Field<number> => ({
  initial,
  expected: "a number of at least 0",
  accepts: (value) => Number.isFinite(value) && Number(value) >= 0,
});

const fields: FieldsOf<T5Config> = {
  vocabSize: count(32128),
  dModel: count(512),
  dKv: count(64),
  dFf: count(2048),
  numLayers: count(6),
  numHeads: count(8),
  // Two directions; in each, half of the buckets are exact and half logarithmic.
  relativeAttentionNumBuckets: {
    initial: 32,
    expected: "a positive multiple of 4",
    accepts: (value) => count(1).accepts(value) && Number(value) % 4 === 0,
  },
  relativeAttentionMaxDistance: count(128),
  layerNormEpsilon: positive(1e-6),
  initializerFactor: number(1),
  feedForwardProj: oneOf("relu", "gated-gelu"),
  dropoutRate: number(0.1),
  padTokenId: tokenId(0),
  eosTokenId: tokenId(1),
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export const t5Config = (given: Partial<T5Config>): T5Config =>
  consistent(completeConfig(fields, given as Record<string, unknown>));

/** Reads `config.json` of a T5, which `path` names in errors; fields of the decoder and of others are ignored. */
export function readT5Config(json: Readonly<Record<string, unknown>>, path: string): T5Config {
  if (json.model_type !== "t5") {
    throw new IncompatibleError(
      `Expected t5 for model_type in ${path} but received ${quote(json.model_type)}`,
    );
  }
  refuseQuantized(json, path);
  return consistent(readOwnFields(fields, json, path));
}

/** What transformers writes into `config.json` for a `T5EncoderModel` with weights of `dtype`. */
export function writeT5Config(config: T5Config, dtype: DType): ConfigObject {
  // transformers requires 1.0 for the factor of new weights and refuses the 1 that JavaScript writes.
  const { initializerFactor: _, ...lasting } = config;
  const isGated = config.feedForwardProj === "gated-gelu";
  return {
    architectures: ["T5EncoderModel"],
    model_type: "t5",
    dtype,
    ...snakeFields(lasting),
    num_decoder_layers: config.numLayers,
    dense_act_fn: isGated ? "gelu_new" : "relu",
    is_gated_act: isGated,
    is_encoder_decoder: false,
    tie_word_embeddings: true,
    use_cache: false,
  };
}

function consistent(config: T5Config): T5Config {
  const exact = config.relativeAttentionNumBuckets / 4;
  if (config.relativeAttentionMaxDistance <= exact) {
    throw expected(
      `more than a quarter of relativeAttentionNumBuckets, ${exact},`,
      "relativeAttentionMaxDistance",
      config.relativeAttentionMaxDistance,
    );
  }
  return config;
}
