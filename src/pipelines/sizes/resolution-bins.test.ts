import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import {
  hasResolutionBins,
  nearestResolutionBin,
  resizeAndCrop,
  trainedSizes,
} from "./resolution-bins.ts";

describe("nearestResolutionBin", () => {
  it.each([
    [1024, 1024, 128, 1024, 1024],
    [1920, 1080, 128, 1344, 768],
    [1080, 1920, 128, 768, 1344],
    [4000, 100, 128, 2048, 512],
    [100, 4000, 128, 512, 2048],
    [1920, 1080, 64, 672, 384],
    [200, 111, 32, 336, 192],
    [2048, 2048, 256, 2048, 2048],
    [3840, 1000, 256, 3968, 1024],
    // Its own table, and not the others' larger.
    [3840, 2160, 360, 3840, 2112],
    [2160, 3840, 360, 2112, 3840],
    [2880, 2700, 360, 2880, 2688],
  ])("%i×%i at sampleSize %i is made at %i×%i", (width, height, sampleSize, w, h) => {
    expect(nearestResolutionBin({ width, height }, sampleSize)).toEqual({ width: w, height: h });
  });

  it("takes the wider of two that are equally near", () => {
    // 3.5 lies half-way between 3 and 4.
    expect(nearestResolutionBin({ width: 200, height: 700 }, 128)).toEqual({
      width: 576,
      height: 1728,
    });
  });

  it("gives sizes that whole patches of the released models fill", () => {
    for (const sampleSize of [32, 64, 128, 256, 360]) {
      for (let ratio = 0.2; ratio < 5; ratio += 0.01) {
        const { width, height } = nearestResolutionBin({ width: 1, height: ratio }, sampleSize);
        expect([width % 16, height % 16]).toEqual([0, 0]);
      }
    }
  });

  it("says which models have bins", () => {
    const sizes = [8, 16, 32, 64, 128, 256, 360];
    expect(sizes.filter((size) => hasResolutionBins(size, 8))).toEqual([32, 64, 128, 256, 360]);
    // With another autoencoder the bins' sizes in pixels are not the model's.
    expect(sizes.filter((size) => hasResolutionBins(size, 4))).toEqual([]);
    expect(() => nearestResolutionBin({ width: 1, height: 1 }, 16)).toThrow(
      "Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize 32, 64, 128, 256, 360, not for 16.",
    );
  });
});

describe("trainedSizes", () => {
  it("are the sizes that the nearest one is chosen from", () => {
    const sizes = trainedSizes(64, 8);
    expect(sizes).toHaveLength(33);
    expect(sizes).toContainEqual({ ratio: 1, width: 512, height: 512 });
    for (const { width, height } of sizes)
      expect(nearestResolutionBin({ width, height }, 64)).toEqual({ width, height });
  });

  it("are none where no table is known", () => {
    expect(trainedSizes(16, 4)).toEqual([]);
    expect(trainedSizes(64, 4)).toEqual([]);
  });
});

describe("resizeAndCrop", () => {
  it("covers the size and keeps the middle", () => {
    torch.tidy(() => {
      // Columns 0 to 7; a square of 4 keeps the middle four of them.
      const columns = torch.linspace(0, 7, 8).reshape([1, 1, 1, 8]).expand([1, 1, 4, 8]);
      const cropped = resizeAndCrop(columns, { width: 4, height: 4 });
      expect(cropped.shape).toEqual([1, 1, 4, 4]);
      expect(cropped.select(2, 0).tolist()).toEqual([[[2, 3, 4, 5]]]);
    });
  });

  it("scales up where the picture is too small", () => {
    torch.tidy(() => {
      const picture = torch.full([2, 3, 6, 10], 0.5);
      const resized = resizeAndCrop(picture, { width: 15, height: 9 });
      expect(resized.shape).toEqual([2, 3, 9, 15]);
      expect(resized.amax().item()).toBe(0.5);
    });
  });

  it("covers sizes whose ratio is a little too small in floating point", () => {
    torch.tidy(() => {
      // The nearest bin of 640x480.
      const picture = torch.full([1, 1, 832, 1152], 0.5);
      const resized = resizeAndCrop(picture, { width: 640, height: 480 });
      expect(resized.shape).toEqual([1, 1, 480, 640]);
      expect(resized.amin().item()).toBe(0.5);
    });
  });

  it.each([32, 64, 128, 256])("covers every size from the bins of sampleSize %i", (sampleSize) => {
    torch.tidy(() => {
      for (const side of [256, 480, 512, 640, 720, 960]) {
        for (let other = 256; other <= 1280; other += 32) {
          const size = { width: other, height: side };
          const bin = nearestResolutionBin(size, sampleSize);
          const picture = torch.zeros([1, 1, 1, 1]).expand([1, 1, bin.height, bin.width]);
          const { shape } = resizeAndCrop(picture, size);
          expect(shape, `${other}x${side}`).toEqual([1, 1, side, other]);
        }
      }
    });
  });

  it("leaves a picture of that size alone", () => {
    torch.tidy(() => {
      const picture = torch.zeros([1, 3, 4, 6]);
      expect(resizeAndCrop(picture, { width: 6, height: 4 })).toBe(picture);
    });
  });
});
