import { describe, expect, it } from "vitest";
import { nearestShape } from "../images/resolution-table.ts";
import { planBuckets, trainingBuckets } from "./buckets.ts";

describe("trainingBuckets", () => {
  it("gives the paper's 40 sizes at 1024 px, and their half, quarter and double", () => {
    const sizes = trainingBuckets(1024);
    expect(sizes).toHaveLength(40);
    expect(sizes[0]).toEqual({ ratio: 0.25, width: 2048, height: 512 });
    expect(sizes.at(-1)).toEqual({ ratio: 4, width: 512, height: 2048 });
    expect(trainingBuckets(256)[0]).toEqual({ ratio: 0.25, width: 512, height: 128 });
    expect(trainingBuckets(512).find(({ ratio }) => ratio === 3.11)).toMatchObject({
      width: 288,
      height: 896,
    });
    expect(trainingBuckets(2048).find(({ ratio }) => ratio === 1)).toMatchObject({ width: 2048 });
    const largest = trainingBuckets(2880);
    expect(largest).toHaveLength(40);
    expect(largest[0]).toEqual({ ratio: 0.25, width: 5760, height: 1408 });
    expect(largest.find(({ ratio }) => ratio === 1.21)).toMatchObject({
      width: 2496,
      height: 3008,
    });
    const ratios = sizes.map(({ ratio }) => ratio);
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
    for (const { ratio, width, height } of sizes) {
      expect(Math.abs(height / width - ratio)).toBeLessThan(0.01);
    }
  });

  it("refuses a size without a table", () => {
    expect(() => trainingBuckets(768)).toThrow(
      "Expected one of 256, 512, 1024, 2048, 2880 for size but received 768",
    );
  });
});

describe("nearestShape", () => {
  const buckets = trainingBuckets(1024);
  it.each([
    [1000, 1000, 1],
    [1920, 1080, 0.57],
    [1080, 1920, 1.75],
    // 7.5 is beyond the last, 0.97 lies between 0.94 and 1 on the former's tie.
    [100, 750, 4],
    [100, 97, 0.94],
    [100, 98, 1],
  ])("%i × %i → %f", (width, height, ratio) => {
    expect(nearestShape({ width, height }, buckets).ratio).toBe(ratio);
  });
});

describe("planBuckets", () => {
  it("counts pictures, batches and what the last batch has, and drops none", () => {
    const square = { width: 10, height: 10 };
    const wide = { width: 20, height: 10 };
    const plan = planBuckets(
      [...Array.from({ length: 9 }, () => square), ...Array.from({ length: 4 }, () => wide)],
      trainingBuckets(512),
      4,
    );
    expect(plan.buckets).toEqual([
      { ratio: 0.5, width: 704, height: 352, images: 4, batches: 1, lastBatch: 4 },
      { ratio: 1, width: 512, height: 512, images: 9, batches: 3, lastBatch: 1 },
    ]);
    expect(plan).toMatchObject({ batches: 4, effectiveBatch: 13 / 4, repeats: 3 });
  });

  it("refuses half a batch", () => {
    expect(() => planBuckets([], trainingBuckets(256), 0.5)).toThrow(
      "Expected a whole number above 0 for batch but received 0.5",
    );
  });
});
