import { describe, expect, it } from "vitest";
import { InvalidValueError } from "../../errors/index.ts";
import { readT5Config, t5Config, writeT5Config } from "./config.ts";

/** The text encoder's config.json in the released PixArt pipelines. */
const released = {
  architectures: ["T5EncoderModel"],
  classifier_dropout: 0.0,
  d_ff: 10240,
  d_kv: 64,
  d_model: 4096,
  decoder_start_token_id: 0,
  dense_act_fn: "gelu_new",
  dropout_rate: 0.1,
  eos_token_id: 1,
  feed_forward_proj: "gated-gelu",
  initializer_factor: 1.0,
  is_encoder_decoder: true,
  is_gated_act: true,
  layer_norm_epsilon: 1e-6,
  model_type: "t5",
  num_decoder_layers: 24,
  num_heads: 64,
  num_layers: 24,
  output_past: true,
  pad_token_id: 0,
  relative_attention_max_distance: 128,
  relative_attention_num_buckets: 32,
  tie_word_embeddings: false,
  torch_dtype: "float32",
  use_cache: true,
  vocab_size: 32128,
};

describe("t5Config", () => {
  it("fills in transformers' defaults", () => {
    expect(t5Config({})).toEqual({
      vocabSize: 32128,
      dModel: 512,
      dKv: 64,
      dFf: 2048,
      numLayers: 6,
      numHeads: 8,
      relativeAttentionNumBuckets: 32,
      relativeAttentionMaxDistance: 128,
      layerNormEpsilon: 1e-6,
      initializerFactor: 1,
      feedForwardProj: "relu",
      dropoutRate: 0.1,
      padTokenId: 0,
      eosTokenId: 1,
    });
  });

  it("names every field that it doesn't understand", () => {
    const wrong = {
      numLayer: 2,
      dModel: 0,
      padTokenId: -1,
      relativeAttentionNumBuckets: 6,
      dropoutRate: Number.NaN,
    };
    expect(() => t5Config(wrong)).toThrow(
      new InvalidValueError(
        [
          "Unknown field numLayer. Did you mean numLayers?",
          "Expected a positive integer for dModel but received 0",
          "Expected a positive multiple of 4 for relativeAttentionNumBuckets but received 6",
          "Expected a number of at least 0 for dropoutRate but received NaN",
          "Expected a token id for padTokenId but received -1",
        ].join("\n"),
      ),
    );
  });

  it("refuses buckets that reach farther than the largest distance", () => {
    expect(() => t5Config({ relativeAttentionMaxDistance: 8 })).toThrow(
      "Expected more than a quarter of relativeAttentionNumBuckets, 8, for relativeAttentionMaxDistance but received 8",
    );
  });
});

describe("readT5Config", () => {
  it("reads the released text encoder's file, the decoder's fields passed over", () => {
    expect(readT5Config(released, "config.json")).toEqual(
      t5Config({
        dModel: 4096,
        dFf: 10240,
        numHeads: 64,
        numLayers: 24,
        feedForwardProj: "gated-gelu",
      }),
    );
  });

  it("refuses other models and other activations by the file's names", () => {
    expect(() => readT5Config({ ...released, model_type: "umt5" }, "a/config.json")).toThrow(
      'Expected t5 for model_type in a/config.json but received "umt5"',
    );
    const packed = { ...released, quantization_config: { quant_method: "gptq" } };
    expect(() => readT5Config(packed, "a/config.json")).toThrow(
      "Expected weights that are not quantized for a/config.json but received quantization_config of gptq.",
    );
    const silu = { ...released, feed_forward_proj: "gated-silu" };
    expect(() => readT5Config(silu, "a/config.json")).toThrow(
      'Expected "relu" or "gated-gelu" for feed_forward_proj in a/config.json but received "gated-silu"',
    );
  });
});

describe("writeT5Config", () => {
  it("gives a file that reads back, whose activation is spelt out", () => {
    const config = t5Config({
      feedForwardProj: "gated-gelu",
      numLayers: 3,
      layerNormEpsilon: 1e-5,
    });
    const json = writeT5Config(config, "bfloat16");
    expect(readT5Config(json, "config.json")).toEqual(config);
    expect(json).toMatchObject({
      architectures: ["T5EncoderModel"],
      model_type: "t5",
      dtype: "bfloat16",
      dense_act_fn: "gelu_new",
      is_gated_act: true,
      num_decoder_layers: 3,
    });
    expect(writeT5Config(t5Config({}), "float32")).toMatchObject({
      dense_act_fn: "relu",
      is_gated_act: false,
    });
  });
});
