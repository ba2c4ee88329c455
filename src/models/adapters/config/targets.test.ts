import { describe, expect, it } from "vitest";
import { IncompatibleError, InvalidValueError } from "../../../errors/index.ts";
import { Conv2d, construct, Embedding, Linear, Module, ModuleList } from "../../../nn/index.ts";
import { planPart } from "../kinds/plan.ts";
import { adapterConfig } from "./complete-config.ts";
import type { AdapterOptions } from "./config.ts";
import { findTargets, valueFor } from "./targets.ts";

class Block extends Module {
  readonly toQ: Linear = new Linear(2, 2);
  readonly toK: Linear = new Linear(2, 2);
  override forward(): void {}
}

class Model extends Module {
  static override readonly keys = { proj: "pos_embed.proj" };
  readonly proj: Conv2d = new Conv2d(2, 2, 2);
  readonly shared: Embedding = new Embedding(4, 2);
  readonly blocks: ModuleList<Block> = new ModuleList([new Block(), new Block()]);
  readonly inner: ModuleList<ModuleList<Block>> = new ModuleList([new ModuleList([new Block()])]);
  override forward(): void {}
}

const model = construct({ device: "meta" }, () => new Model());

type Targets = Partial<AdapterOptions> & Pick<AdapterOptions, "targetModules">;
const config = (targets: Targets) =>
  adapterConfig({ peftType: "LORA", ...targets } as AdapterOptions);
const named = (targets: Targets): string[] => [...findTargets(model, config(targets)).keys()];

describe("findTargets", () => {
  it("takes whole names, ends of names, regular expressions for whole names, or every linear layer", () => {
    expect(named({ targetModules: ["to_q"] })).toEqual([
      "blocks.0.to_q",
      "blocks.1.to_q",
      "inner.0.0.to_q",
    ]);
    expect(named({ targetModules: ["blocks.1.to_k", "proj"] })).toEqual([
      "pos_embed.proj",
      "blocks.1.to_k",
    ]);
    expect(named({ targetModules: "blocks\\.\\d\\.to_(?P<one>q)" })).toEqual([
      "blocks.0.to_q",
      "blocks.1.to_q",
    ]);
    expect(named({ targetModules: "ALL-linear" })).toHaveLength(6);
  });

  it("leaves out what is excluded, in the same ways", () => {
    const rest = ["blocks.0.to_q", "blocks.1.to_q"];
    expect(named({ targetModules: ["to_q"], excludeModules: ["0.0.to_q"] })).toEqual(rest);
    expect(named({ targetModules: ["to_q"], excludeModules: "inner\\..*" })).toEqual(rest);
  });

  it("takes blocks by their number, behind the pattern or, as PEFT does without one, behind two dots", () => {
    const targetModules = ["to_q"];
    expect(named({ targetModules, layersToTransform: 1, layersPattern: "blocks" })).toEqual([
      "blocks.1.to_q",
    ]);
    expect(
      named({ targetModules, layersToTransform: [0], layersPattern: ["other", "blocks"] }),
    ).toEqual(["blocks.0.to_q"]);
    expect(named({ targetModules, layersToTransform: [0] })).toEqual(["inner.0.0.to_q"]);
    expect(named({ targetModules, layersToTransform: [] })).toHaveLength(3);
  });

  it("refuses what names no layer", () => {
    expect(() => named({ targetModules: ["to_v"] })).toThrow(
      new InvalidValueError(
        'Expected names of layers of Model for targetModules but received ["to_v"], which names none; its layers are pos_embed.proj, blocks.0.to_q, blocks.0.to_k, blocks.1.to_q, blocks.1.to_k, …',
      ),
    );
  });

  it("refuses what names other modules too", () => {
    expect(() => named({ targetModules: ["to_q", "shared", "1"] })).toThrow(
      new InvalidValueError(
        'Expected names of Linear and Conv2d layers for targetModules but received ["to_q","shared","1"], which also names shared (Embedding), blocks.1 (Block)',
      ),
    );
  });

  it("refuses expressions that JavaScript has no form for", () => {
    expect(() => named({ targetModules: "(?>to)_q" })).toThrow(
      new InvalidValueError(
        'Expected a Python regular expression with a counterpart in JavaScript for targetModules but received "(?>to)_q": (?>t… has no counterpart',
      ),
    );
  });
});

describe("valueFor", () => {
  it("takes the first pattern that matches a name or its end", () => {
    const patterns = { to_q: 1, "^blocks\\.0": 2, "blocks\\.0\\.to_k": 3, "to_[kv]": 4 };
    const value = (name: string): number => valueFor(patterns, name, 0, "rankPattern");
    expect(value("blocks.0.to_q")).toBe(1);
    expect(value("blocks.0")).toBe(2);
    expect(value("blocks.0.to_k")).toBe(3);
    expect(value("inner.blocks.0.to_k")).toBe(3);
    expect(value("blocks.1.to_k")).toBe(4);
    expect(value("blocks.1.into_k")).toBe(0);
  });
});

describe("planPart", () => {
  const plan = (options: AdapterOptions, layer: Conv2d): unknown =>
    planPart(adapterConfig(options), "proj", layer);
  const targetModules = ["proj"];

  it("refuses convolutions in groups", () => {
    expect(() =>
      plan({ peftType: "LORA", targetModules }, new Conv2d(4, 4, 3, { groups: 2 })),
    ).toThrow(
      new IncompatibleError(
        "Expected Linear and ungrouped Conv2d layers for targetModules of a LORA adapter but received proj, a grouped convolution",
      ),
    );
  });
});
