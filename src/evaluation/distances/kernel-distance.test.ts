import { describe, expect, it } from "vitest";
import * as torch from "../../torch/index.ts";
import { kernelDistance } from "./kernel-distance.ts";

/** Rows of noise round `mean`. */
const noise = (count: number, seed: number, mean = 0): Float32Array[] =>
  torch.tidy(() => {
    const all = torch.randn([count, 4], { generator: torch.generator(seed) }).add(mean);
    return (all.tolist() as number[][]).map((row) => Float32Array.from(row));
  });

describe("kernelDistance", () => {
  it("is the unbiased estimate of one subset, by hand", () => {
    // Of one feature: kernels (xy + 1)³ of 1 and 2, of 0 and 1, and across.
    const [x, y] = [
      [1, 2],
      [0, 1],
    ].map((side) => side.map((value) => Float32Array.of(value))) as [
      Float32Array[],
      Float32Array[],
    ];
    const { distance, std } = kernelDistance(x, y, { subsets: 3, subsetSize: 2 });
    expect(distance).toBeCloseTo(27 + 1 - (2 * (1 + 8 + 1 + 27)) / 4, 12);
    expect(std).toBeCloseTo(0, 12);
  });

  it("is about 0 for pictures of one kind, and far from it for another", () => {
    const same = kernelDistance(noise(200, 1), noise(200, 2));
    expect(same).toMatchObject({ subsets: 100, subsetSize: 100 });
    expect(Math.abs(same.distance)).toBeLessThan(0.1);
    expect(kernelDistance(noise(200, 1, 1), noise(200, 2)).distance).toBeGreaterThan(3);
  });

  it("draws other subsets by another seed, and the same by the same", () => {
    const measure = (seed: number) =>
      kernelDistance(noise(40, 1), noise(30, 2), { seed, subsets: 5 });
    expect(measure(1)).toEqual(measure(1));
    expect(measure(1)).not.toEqual(measure(2));
    expect(measure(1).subsetSize).toBe(15);
  });

  it("refuses subsets that the pictures don't make", () => {
    const before = torch.memory().tensors;
    expect(() => kernelDistance(noise(9, 1), noise(5, 2), { subsetSize: 6 })).toThrow(
      "Expected an integer from 2 to 5, the pictures of the smaller side, for subsetSize but received 6",
    );
    expect(() => kernelDistance(noise(9, 1), noise(5, 2), { subsets: 0 })).toThrow(
      "Expected a positive integer for subsets but received 0",
    );
    expect(() => kernelDistance(noise(1, 1), noise(5, 2))).toThrow(
      "Expected at least two pictures for generated but received 1",
    );
    expect(torch.memory().tensors).toBe(before);
  });
});
