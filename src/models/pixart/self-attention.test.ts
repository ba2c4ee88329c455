import { beforeEach, describe, expect, it } from "vitest";
import { collectGarbage } from "../../../test/collect-garbage.ts";
import * as torch from "../../torch/index.ts";
import type { KVSampling } from "./kv-compression.ts";
import { SelfAttention } from "./self-attention.ts";

beforeEach(collectGarbage);

const build = (sampling: KVSampling, scaleFactor = 2): SelfAttention =>
  new SelfAttention({
    dim: 8,
    heads: 2,
    bias: true,
    compression: { sampling, scaleFactor },
    qkNorm: false,
  });

const tokens = (count: number): torch.Tensor =>
  torch.randn([1, count, 8], { generator: torch.generator(0) });

describe("SelfAttention", () => {
  it.each([
    ["conv", 3, 4],
    ["ave", 4, 3],
    ["uniform", 3, 3],
  ] as const)("refuses a grid whose rows or columns %s would leave over", (sampling, h, w) => {
    expect(() => build(sampling).call(tokens(h * w), { h, w })).toThrow(
      `Expected height and width in patches divisible by kvCompressConfig's scaleFactor, 2, but received ${h} × ${w}`,
    );
  });

  it("refuses a number of tokens that uniform_every would leave some of", () => {
    expect(build("uniform_every").call(tokens(12), { h: 3, w: 4 }).shape).toEqual([1, 12, 8]);
    expect(() => build("uniform_every").call(tokens(9), { h: 3, w: 3 })).toThrow(
      "Expected a number of patches divisible by kvCompressConfig's scaleFactor, 2, but received 3 × 3",
    );
  });

  it("frees everything but its output", () => {
    const attention = build("conv");
    const x = tokens(16);
    attention.call(x, { h: 4, w: 4 }).dispose();
    const before = torch.memory().tensors;
    attention.call(x, { h: 4, w: 4 });
    expect(torch.memory().tensors).toBe(before + 1);
  });
});
