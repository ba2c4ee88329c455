import { describe, expect, it } from "vitest";
import {
  pixArtDimensions,
  pixArtTransformerConfig,
  readPixArtTransformerConfig,
  writePixArtTransformerConfig,
} from "./config.ts";

const path = "model/transformer/config.json";

/** transformer/config.json of the released PixArt-XL-2-1024-MS. */
const released = {
  _class_name: "Transformer2DModel",
  _diffusers_version: "0.22.0.dev0",
  activation_fn: "gelu-approximate",
  attention_bias: true,
  attention_head_dim: 72,
  attention_type: "default",
  caption_channels: 4096,
  cross_attention_dim: 1152,
  double_self_attention: false,
  dropout: 0.0,
  in_channels: 4,
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
  norm_num_groups: 32,
  norm_type: "ada_norm_single",
  num_attention_heads: 16,
  num_embeds_ada_norm: 1000,
  num_layers: 28,
  num_vector_embeds: null,
  only_cross_attention: false,
  out_channels: 8,
  patch_size: 2,
  sample_size: 128,
  upcast_attention: false,
  use_linear_projection: false,
};

describe("readPixArtTransformerConfig", () => {
  it("reads the released file of the older class", () => {
    const config = readPixArtTransformerConfig(released, path);
    expect(config).toEqual(pixArtTransformerConfig({ captionChannels: 4096 }));
    expect(pixArtDimensions(config)).toEqual({
      width: 1152,
      outChannels: 8,
      baseSize: 64,
      interpolationScale: 2,
      usesAdditionalConditions: true,
    });
  });

  it("passes over what diffusers and its EMA add", () => {
    const json = { ...released, _name_or_path: "x", decay: 0.999, power: 0.75, inv_gamma: 1.0 };
    expect(readPixArtTransformerConfig(json, path)).toEqual(
      readPixArtTransformerConfig(released, path),
    );
  });

  it("refuses another model", () => {
    const json = { _class_name: "Transformer2DModel", norm_type: "ada_norm_zero" };
    expect(() => readPixArtTransformerConfig(json, path)).toThrow(
      'Expected PixArtTransformer2DModel, or Transformer2DModel with norm_type "ada_norm_single", for _class_name in model/transformer/config.json but received "Transformer2DModel" with norm_type "ada_norm_zero"',
    );
    expect(() =>
      readPixArtTransformerConfig({ _class_name: "UNet2DConditionModel" }, path),
    ).toThrow('but received "UNet2DConditionModel" with norm_type nothing');
  });

  it("takes a file that names no class", () => {
    const { _class_name: _, ...json } = released;
    expect(readPixArtTransformerConfig(json, path)).toEqual(
      readPixArtTransformerConfig(released, path),
    );
  });

  it("ignores fields that nobody knows, and dropout, aloud", () => {
    const warnings: string[] = [];
    const json = { ...released, num_layer: 2, window_size: 7, dropout: 0.1 };
    const config = readPixArtTransformerConfig(json, path, (text) => warnings.push(text));
    expect(config).toEqual({ ...readPixArtTransformerConfig(released, path), dropout: 0.1 });
    expect(writePixArtTransformerConfig(config)).toMatchObject({ dropout: 0.1 });
    expect(warnings).toEqual([
      "model/transformer/config.json: the field num_layer is not known and was ignored. Did you mean num_layers?",
      "model/transformer/config.json: the field window_size is not known and was ignored.",
      "model/transformer/config.json: dropout 0.1 has no effect here: training is without it",
    ]);
  });

  it("refuses quantized weights, which have another layout", () => {
    const json = { ...released, quantization_config: null };
    expect(readPixArtTransformerConfig(json, path)).toEqual(
      readPixArtTransformerConfig(released, path),
    );
    const packed = { ...released, quantization_config: { quant_method: "bitsandbytes" } };
    expect(() => readPixArtTransformerConfig(packed, path)).toThrow(
      'Expected weights that are not quantized for model/transformer/config.json but received quantization_config of bitsandbytes. Load the model that they were made from; `quantize: "int8"` makes it smaller.',
    );
  });

  it("lists every value that it does not understand", () => {
    const json = { ...released, activation_fn: "mish", attention_type: "gated", dropout: 1 };
    expect(() => readPixArtTransformerConfig(json, path)).toThrow(
      [
        "Expected a number from 0 up to 1 for dropout in model/transformer/config.json but received 1",
        'Expected "gelu-approximate" or "gelu" or "geglu" or "geglu-approximate" or "swiglu" or "linear-silu" for activation_fn in model/transformer/config.json but received "mish"',
        'Expected "default" or null for attention_type in model/transformer/config.json but received "gated"',
      ].join("\n"),
    );
  });
});

describe("pixArtTransformerConfig", () => {
  it("names fields as TypeScript does", () => {
    expect(() =>
      pixArtTransformerConfig({ numLayers: 0, normEps: -1, attentionBias: null as never }),
    ).toThrow(
      [
        "Expected a positive integer for numLayers but received 0",
        "Expected true or false for attentionBias but received null",
        "Expected a positive number for normEps but received -1",
      ].join("\n"),
    );
    expect(() => pixArtTransformerConfig({ captionChannels: 1.5 })).toThrow(
      "Expected a positive integer or null for captionChannels but received 1.5",
    );
    expect(() => pixArtTransformerConfig({ sampelSize: 8 } as never)).toThrow(
      "Unknown field sampelSize. Did you mean sampleSize?",
    );
  });
});

describe("PixArt-Σ's fields", () => {
  const kvCompressConfig = { sampling: "conv", scaleFactor: 2, kvCompressLayer: [14, 27] } as const;

  it("are written under Σ's names where they are in use, and read back", () => {
    const config = pixArtTransformerConfig({ kvCompressConfig, qkNorm: true });
    const json = writePixArtTransformerConfig(config);
    expect(json).toMatchObject({
      kv_compress_config: { sampling: "conv", scale_factor: 2, kv_compress_layer: [14, 27] },
      qk_norm: true,
    });
    expect(readPixArtTransformerConfig(json, path)).toEqual(config);
  });

  it("stay out of the file where they are not", () => {
    const json = writePixArtTransformerConfig(pixArtTransformerConfig({}));
    expect(json).not.toHaveProperty("kv_compress_config");
    expect(json).not.toHaveProperty("qk_norm");
  });

  it.each([
    { ...kvCompressConfig, sampling: "max" },
    { ...kvCompressConfig, scaleFactor: 1 },
    { ...kvCompressConfig, scaleFactor: 2.5 },
    { ...kvCompressConfig, kvCompressLayer: [-1] },
    { sampling: "conv", scaleFactor: 2 },
    { ...kvCompressConfig, layers: [] },
    "conv",
  ])("are refused as %o", (wrong) => {
    expect(() => pixArtTransformerConfig({ kvCompressConfig: wrong as never })).toThrow(
      `Expected the sampling (conv, ave, uniform, uniform_every), the scale factor (an integer above 1) and the list of layers or null for kvCompressConfig but received ${JSON.stringify(wrong)}`,
    );
  });

  it("name layers that are there", () => {
    expect(() =>
      pixArtDimensions(pixArtTransformerConfig({ kvCompressConfig, numLayers: 27 })),
    ).toThrow("Expected layers below numLayers, 27, for kvCompressLayer but received 27");
  });
});

describe("pixArtDimensions", () => {
  const of = (given: Parameters<typeof pixArtTransformerConfig>[0]) =>
    pixArtDimensions(pixArtTransformerConfig(given));

  it("works out what is null from the sample size", () => {
    expect(of({ sampleSize: 32 })).toMatchObject({
      baseSize: 16,
      interpolationScale: 1,
      usesAdditionalConditions: false,
    });
    expect(of({ sampleSize: 256 })).toMatchObject({
      baseSize: 128,
      interpolationScale: 4,
      usesAdditionalConditions: false,
    });
    expect(of({ sampleSize: 128, useAdditionalConditions: false })).toMatchObject({
      interpolationScale: 2,
      usesAdditionalConditions: false,
    });
    expect(of({ outChannels: null, inChannels: 3 }).outChannels).toBe(3);
    expect(of({ interpolationScale: 0.5 }).interpolationScale).toBe(0.5);
  });

  it("refuses a width that the embeddings do not divide", () => {
    const narrow = { numAttentionHeads: 1, attentionHeadDim: 8 };
    expect(() => of({ ...narrow, attentionHeadDim: 6, sampleSize: 8 })).toThrow(
      "Expected a multiple of 4 for numAttentionHeads times attentionHeadDim but received 6",
    );
    expect(of({ ...narrow, sampleSize: 8 }).width).toBe(8);
    expect(() => of({ ...narrow, sampleSize: 128 })).toThrow(
      "Expected a multiple of 12 for numAttentionHeads times attentionHeadDim but received 8",
    );
  });
});

describe("writePixArtTransformerConfig", () => {
  it("keeps nulls and reads back the same", () => {
    const config = pixArtTransformerConfig({ sampleSize: 32, captionChannels: 32 });
    const json = writePixArtTransformerConfig(config);
    expect(json).toMatchObject({
      _class_name: "PixArtTransformer2DModel",
      interpolation_scale: null,
      use_additional_conditions: null,
      num_embeds_ada_norm: 1000,
    });
    expect(readPixArtTransformerConfig(json, path)).toEqual(config);
  });
});
