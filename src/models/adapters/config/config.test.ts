import { describe, expect, it } from "vitest";
import { adapterConfig } from "./complete-config.ts";
import type { AdapterOptions } from "./config.ts";

const message = (given: unknown): string => {
  try {
    adapterConfig(given as AdapterOptions);
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  throw new Error("no error was thrown");
};

describe("adapterConfig", () => {
  it("fills in PEFT's defaults", () => {
    expect(adapterConfig({ peftType: "LORA", targetModules: ["to_q"] })).toMatchObject({
      r: 8,
      loraAlpha: 8,
      useDora: false,
      initLoraWeights: true,
    });
    expect(adapterConfig({ peftType: "OFT", targetModules: ["to_q"] })).toMatchObject({
      r: 0,
      oftBlockSize: 32,
      numCayleyNeumannTerms: 5,
    });
  });

  it("refuses other kinds", () => {
    expect(message({ peftType: "VERA", targetModules: ["to_q"] })).toBe(
      'Expected LORA, LOHA, LOKR, OFT for peftType but received "VERA"',
    );
  });

  it("lists every field that it does not know or understand", () => {
    const given = {
      peftType: "LORA",
      targetModules: [],
      rank: 4,
      r: 0,
      loraAlpha: "8",
      loraDropout: 2,
      rankPattern: { to_q: 0.5 },
      layersToTransform: -1,
      bias: "oft_only",
      modulesToSave: "proj_out",
      fanInFanOut: true,
      initLoraWeights: "loftq",
      baseModelNameOrPath: 1,
    };
    expect(message(given).split("\n")).toEqual([
      "Unknown field rank. Did you mean r?",
      "Expected a list of at most 10000 names or a regular expression for targetModules but received []",
      "Expected a number of a block or a list of them or null for layersToTransform but received -1",
      'Expected a list of at most 10000 names or null for modulesToSave but received "proj_out"',
      "Expected a string or null for baseModelNameOrPath but received 1",
      "Expected a positive integer for r but received 0",
      'Expected a number for loraAlpha but received "8"',
      "Expected a number from 0 to 1 for loraDropout but received 2",
      `Expected true or false or "gaussian" or "orthogonal" or "eva" or "mica" or "pissa" or "olora", as the others change the model's weights in ways that the files do not hold (save the adapter with path_initial_model_for_weight_conversion), for initLoraWeights but received "loftq"`,
      'Expected an object of at most 10000 layer names with a positive integer each for rankPattern but received {"to_q":0.5}',
      'Expected "none" or "all" or "lora_only" for bias but received "oft_only"',
      "Expected false for fanInFanOut but received true",
    ]);
    expect(message({ peftType: "LOKR", targetModules: "a", decomposeFactor: 0 })).toBe(
      "Expected -1 or a positive integer for decomposeFactor but received 0",
    );
    expect(message({ peftType: "OFT", targetModules: "a", r: -1, coft: 1 }).split("\n")).toEqual([
      "Expected a whole number of at least 0 for r but received -1",
      "Expected true or false for coft but received 1",
    ]);
  });

  it("refuses fields that contradict each other", () => {
    expect(message({ peftType: "LORA", targetModules: ".*", layersToTransform: 1 })).toBe(
      "Expected a list of names for targetModules, used with layersToTransform or layersPattern, but received a string",
    );
    expect(message({ peftType: "LORA", targetModules: ["a"], layersPattern: "blocks" })).toBe(
      "Expected numbers for layersToTransform, used with layersPattern, but received null",
    );
    const both = { peftType: "LORA", targetModules: ["a"], loraBias: true, useDora: true };
    expect(message(both)).toBe(
      "Expected false for one of loraBias and useDora but received true for both",
    );
    expect(message({ peftType: "OFT", targetModules: ["a"], r: 4 })).toBe(
      "Expected 0 for exactly one of r and oftBlockSize but received 4 and 32",
    );
  });
});
