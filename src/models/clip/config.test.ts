import { describe, expect, it } from "vitest";
import { clipConfig, readCLIPConfig, writeCLIPConfig } from "./config.ts";

/** What concerns the model in the config.json of openai/clip-vit-base-patch32. */
const released = {
  architectures: ["CLIPModel"],
  initializer_factor: 1.0,
  logit_scale_init_value: 2.6592,
  model_type: "clip",
  projection_dim: 512,
  text_config: { bos_token_id: 0, eos_token_id: 2, model_type: "clip_text_model", top_k: 50 },
  text_config_dict: null,
  vision_config: { model_type: "clip_vision_model", patch_size: 32, projection_dim: 512 },
  vision_config_dict: null,
};

describe("clipConfig", () => {
  it("fills in transformers' defaults at both levels", () => {
    expect(clipConfig({ textConfig: { hiddenSize: 8 } })).toEqual({
      projectionDim: 512,
      logitScaleInitValue: 2.6592,
      textConfig: {
        vocabSize: 49408,
        hiddenSize: 8,
        intermediateSize: 2048,
        numHiddenLayers: 12,
        numAttentionHeads: 8,
        maxPositionEmbeddings: 77,
        hiddenAct: "quick_gelu",
        layerNormEps: 1e-5,
        padTokenId: 1,
        bosTokenId: 49406,
        eosTokenId: 49407,
      },
      visionConfig: {
        hiddenSize: 768,
        intermediateSize: 3072,
        numHiddenLayers: 12,
        numAttentionHeads: 12,
        numChannels: 3,
        imageSize: 224,
        patchSize: 32,
        hiddenAct: "quick_gelu",
        layerNormEps: 1e-5,
      },
    });
  });

  it("names what it doesn't understand", () => {
    const wrong = { textConfig: { hiddenSizes: 8 } as object };
    expect(() => clipConfig(wrong)).toThrow(
      "Unknown field textConfig.hiddenSizes. Did you mean textConfig.hiddenSize?",
    );
    expect(() => clipConfig({ visionConfig: { hiddenSize: 10 } })).toThrow(
      "Expected a multiple of 12 heads for hiddenSize of visionConfig but received 10",
    );
    expect(() => clipConfig({ visionConfig: { imageSize: 16 } })).toThrow(
      "Expected at most imageSize, 16, for patchSize of visionConfig but received 32",
    );
  });
});

describe("readCLIPConfig", () => {
  it("reads the released one, and passes over what belongs to other uses", () => {
    expect(readCLIPConfig(released, "config.json")).toEqual(
      clipConfig({ textConfig: { bosTokenId: 0, eosTokenId: 2 } }),
    );
  });

  it("goes by the fields that older files hold twice", () => {
    const older = { ...released, text_config_dict: { hidden_size: 768, num_attention_heads: 12 } };
    const { textConfig } = readCLIPConfig(older, "config.json");
    expect(textConfig).toMatchObject({ hiddenSize: 768, numAttentionHeads: 12, eosTokenId: 49407 });
  });

  it("reads what it writes", () => {
    const config = clipConfig({ visionConfig: { hiddenAct: "gelu" }, projectionDim: 3 });
    expect(readCLIPConfig(writeCLIPConfig(config, "float32"), "config.json")).toEqual(config);
  });

  it("refuses other models and unknown values, naming the file and the part", () => {
    expect(() => readCLIPConfig({ model_type: "siglip" }, "x/config.json")).toThrow(
      'Expected clip for model_type in x/config.json but received "siglip"',
    );
    const activation = { ...released, vision_config: { hidden_act: "relu" } };
    expect(() => readCLIPConfig(activation, "x/config.json")).toThrow(
      'Expected "quick_gelu" or "gelu" for hidden_act in vision_config of x/config.json but received "relu"',
    );
    expect(() => readCLIPConfig({ ...released, text_config: [] }, "x/config.json")).toThrow(
      "Expected an object for text_config in x/config.json but received []",
    );
  });
});
