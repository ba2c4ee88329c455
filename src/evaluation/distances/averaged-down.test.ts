import { describe, expect, it } from "vitest";
import { RgbImage } from "../../images/index.ts";
import { averagedDown } from "./averaged-down.ts";

/** Bytes that repeat only after a long while. */
const bytes = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * i * 31 + i * 7) % 251);

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describe("averagedDown", () => {
  it("is the picture itself, over 255, at 16x16", () => {
    const image = new RgbImage(16, 16, bytes(16 * 16 * 3));
    expect(averagedDown(image)).toEqual(Float32Array.from(image.data, (value) => value / 255));
  });

  it("averages whole blocks of a larger picture", () => {
    const data = new Uint8Array(64 * 64 * 3);
    // The top left block of 4x4: four white pixels in sixteen; its neighbour stays black.
    for (let x = 0; x < 4; x += 1) data.fill(255, x * 3, x * 3 + 3);
    const averaged = averagedDown(new RgbImage(64, 64, data));
    expect([...averaged.subarray(0, 6)]).toEqual([0.25, 0.25, 0.25, 0, 0, 0]);
  });

  it.each([
    [20, 33],
    [7, 16],
    [1, 1],
    [100, 3],
  ])("weighs pixels that a cell covers in part, keeping the mean of %ix%i", (width, height) => {
    const data = bytes(width * height * 3);
    const averaged = averagedDown(new RgbImage(width, height, data));
    expect(mean(averaged)).toBeCloseTo(mean(data) / 255, 5);
  });
});
