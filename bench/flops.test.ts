import { describe, expect, it } from "vitest";
import { diTForward, pixArtForward, textEncoderForward, withBackward } from "./flops.ts";

describe("operations", () => {
  it("are DiT-XL/2's as its paper tells them", () => {
    const xl2 = { layers: 28, width: 1152, patchSize: 2, inChannels: 4, outChannels: 8 };
    // Peebles and Xie (arXiv 2212.09748): 118.6 Gflops at 256 px and 524.6 at 512 px, a multiply-add counted as one.
    expect(diTForward(xl2, 256) / 2e9).toBeCloseTo(118.6, 0);
    expect(diTForward(xl2, 1024) / 2e9).toBeCloseTo(524.6, 0);
  });

  it("are PixArt's by hand for two tokens and a caption of three", () => {
    const shape = { layers: 1, width: 4, patchSize: 1, inChannels: 1, outChannels: 2 };
    const multiplyAdds = {
      patches: 2 * (1 * 4), // each token from one number
      time: 256 * 4 + 4 * 4,
      modulation: 4 * 24,
      caption: 3 * (5 * 4 + 4 * 4),
      selfProjections: 4 * (2 * 4 * 4), // queries, keys, values, output
      selfAttention: 2 * (2 * 2 * 4), // logits, and their weights times values
      crossProjections: 2 * (2 * 4 * 4) + 2 * (3 * 4 * 4),
      crossAttention: 2 * (2 * 3 * 4),
      mlp: 2 * (2 * 4 * 16),
      last: 2 * (4 * 2),
    };
    const sum = Object.values(multiplyAdds).reduce((total, each) => total + each, 0);
    expect(pixArtForward({ ...shape, captionChannels: 5 }, 2, 3)).toBe(2 * sum);
  });

  it("count a modulation a block only where each block makes its own", () => {
    const shape = { layers: 3, width: 8, patchSize: 2, inChannels: 4, outChannels: 8 };
    const single = pixArtForward({ ...shape, captionChannels: 16 }, 4, 2);
    const each = pixArtForward({ ...shape, captionChannels: 16, perBlock: true }, 4, 2);
    expect(each - single).toBe(2 * 2 * (8 * 48));
  });

  it("are T5's by hand for a caption of two tokens", () => {
    const shape = { dModel: 3, dKv: 2, numHeads: 2, dFf: 5, numLayers: 2 };
    const block = 4 * (2 * 3 * 4) + 2 * (2 * 2 * 4) + 3 * (2 * 3 * 5);
    expect(textEncoderForward(shape, 2)).toBe(2 * 2 * block);
  });

  it("are three times as many with the backward pass", () => {
    expect(withBackward(7)).toBe(21);
  });
});
