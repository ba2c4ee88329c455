import { describe, expect, it } from "vitest";
import { PixArtTransformer2DModel } from "../../models/index.ts";
import { machineMemory } from "./available-memory.ts";
import { requireBatch, requireModelFits } from "./model-room.ts";

const small = {
  ...{ numAttentionHeads: 1, attentionHeadDim: 8, crossAttentionDim: 8, captionChannels: 8 },
  sampleSize: 8,
};
const built: number[] = [];
const build = (numLayers: number): PixArtTransformer2DModel => {
  built.push(numLayers);
  return new PixArtTransformer2DModel({ ...small, numLayers });
};
const depth = (layers: number) => ({ name: "transformer.numLayers", layers });

describe("requireModelFits", () => {
  it("builds two layers at most, whatever is asked for", () => {
    built.length = 0;
    for (const layers of [1, 2, 1000]) requireModelFits(depth(layers), build);
    expect(() => requireModelFits(depth(1e12), build)).toThrow();
    expect(Math.max(...built)).toBe(2);
  });

  it("says what a model of too many layers would take", () => {
    const one = build(1).parameters().length;
    const tensors = one + 99_999 * (build(2).parameters().length - one);
    expect(() => requireModelFits(depth(100_000), build)).toThrow(
      new RegExp(
        `^Expected a model that fits in .* of memory, with at most 100000 tensors, for transformer.numLayers but received 100000: that model has .* in ${tensors} tensors$`,
      ),
    );
  });

  it("refuses sizes that make a tensor beyond counting", () => {
    const wide = (): PixArtTransformer2DModel =>
      new PixArtTransformer2DModel({ ...small, numLayers: 1, captionChannels: 2 ** 51 });
    expect(() => requireModelFits(depth(1), wide)).toThrow(
      "The sizes for transformer do not fit in memory: they make a tensor of [8, 2251799813685248]",
    );
  });
});

describe("requireBatch", () => {
  it("refuses what no memory of the machine can hold, and says how many it could", () => {
    requireBatch("one", 8, 1e6);
    const most = Math.floor((4 * machineMemory()) / 1e6);
    expect(() => requireBatch("one", most + 1, 1e6)).toThrow(
      new RegExp(
        `^Expected at most ${most} for batchSize of stage "one" but received ${most + 1}: its activations take at least .*$`,
      ),
    );
  });
});
