import { describe, expect, it } from "vitest";
import { diTConfig, readDiTConfig, writeDiTConfig } from "./config.ts";

const path = "dit/transformer/config.json";

describe("diTConfig", () => {
  it("describes the original where nothing is said", () => {
    expect(diTConfig({})).toMatchObject({ outChannels: 8, normEps: 1e-6, timestepFreqShift: 0 });
  });

  it("refuses what it does not understand, and a width that positions do not divide", () => {
    expect(() => diTConfig({ timestepFreqShift: 2 as never, layers: 3 } as never)).toThrow(
      [
        "Unknown field layers. Did you mean numLayers?",
        "Expected 0 or 1 for timestepFreqShift but received 2",
      ].join("\n"),
    );
    expect(() => diTConfig({ numAttentionHeads: 3, attentionHeadDim: 2 })).toThrow(
      "Expected a multiple of 4 for numAttentionHeads times attentionHeadDim but received 6",
    );
  });
});

describe("readDiTConfig", () => {
  it("takes diffusers' values where a file is silent", () => {
    const json = { _class_name: "Transformer2DModel", norm_type: "ada_norm_zero", patch_size: 4 };
    expect(readDiTConfig(json, path)).toEqual(
      diTConfig({ outChannels: null, normEps: 1e-5, timestepFreqShift: 1, patchSize: 4 }),
    );
  });

  it("reads back what is written", () => {
    const config = diTConfig({ numLayers: 2 });
    expect(readDiTConfig(writeDiTConfig(config), path)).toEqual(config);
  });

  it("refuses another model", () => {
    const json = { _class_name: "Transformer2DModel", norm_type: "ada_norm_single" };
    expect(() => readDiTConfig(json, path)).toThrow(
      'Expected DiTTransformer2DModel, or Transformer2DModel with norm_type "ada_norm_zero", for _class_name in dit/transformer/config.json but received "Transformer2DModel" with norm_type "ada_norm_single"',
    );
  });
});
