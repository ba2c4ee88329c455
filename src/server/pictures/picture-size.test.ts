import { describe, expect, it } from "vitest";
import { drawnSize, exactSize } from "./picture-size.ts";

const free = { nativeSide: 64, multiple: 8, trainedSizes: [] };
const trained = {
  nativeSide: 512,
  multiple: 16,
  trainedSizes: [
    { ratio: 0.5, width: 704, height: 352 },
    { ratio: 1, width: 512, height: 512 },
    { ratio: 2, width: 352, height: 704 },
  ],
};

describe("the size that is drawn", () => {
  it.each([
    [64, 64, 64, 64],
    [512, 512, 64, 64],
    [512, 256, 88, 48],
    [100, 200, 48, 88],
    [8000, 10, 128, 32],
    [1, 1, 64, 64],
  ])("keeps the model's area in the shape of %ix%i", (width, height, drawnWidth, drawnHeight) => {
    expect(drawnSize({ width, height }, free)).toEqual({ width: drawnWidth, height: drawnHeight });
  });

  it("is the trained one of the nearest shape", () => {
    expect(drawnSize({ width: 1000, height: 900 }, trained)).toEqual({ width: 512, height: 512 });
    expect(drawnSize({ width: 900, height: 300 }, trained)).toEqual({ width: 704, height: 352 });
  });

  it("is the one asked for, or none, where that is wanted", () => {
    expect(exactSize({ width: 80, height: 72 }, free)).toEqual({ width: 80, height: 72 });
    expect(() => exactSize({ width: 81, height: 72 }, free)).toThrow(
      'Expected sides that are multiples of 8 where resolution_binning is false, such as 80x72, for size but received "81x72"',
    );
  });
});
