import { describe, expect, it } from "vitest";
import {
  type Curve,
  endOf,
  gainAtEnd,
  median,
  ratioToTarget,
  smoothed,
  toTarget,
} from "./curves.ts";

/** A curve that has so many of 100 pictures right at each of its points, the first ones. */
const curve = (counts: readonly number[], seed = 0): Curve => ({
  seed,
  tflop: counts.map((_, i) => 4 * (i + 1)),
  right: counts.map((count) => Array.from({ length: 100 }, (_, i) => (i < count ? 1 : 0))),
});

describe("smoothed", () => {
  it("is the running median of three, at the end of the last three", () => {
    expect(smoothed([6, 1, 9, 2, 8])).toEqual([6, 6, 2, 8, 8]);
    expect(smoothed([6, 1, 9, 2, 3])).toEqual([6, 6, 2, 3, 3]);
    expect(smoothed([3, 1])).toEqual([3, 2]);
  });
});

describe("toTarget", () => {
  it("is where a curve begins to stay at or above it", () => {
    expect(toTarget([4, 8, 12, 16], [0.1, 0.6, 0.4, 0.5], 0.5)).toBe(16);
    expect(toTarget([4, 8], [0.5, 0.6], 0.5)).toBe(4);
    expect(toTarget([4, 8], [0.6, 0.4], 0.5)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("median", () => {
  it("is never when most seeds never get there", () => {
    expect(median([4, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(median([8, 4, Number.POSITIVE_INFINITY])).toBe(8);
    expect(median([1, 2, 3, 4])).toBe(2.5);
  });
});

describe("ratios", () => {
  const fast = [0, 1, 2].map((seed) => curve([20, 40, 60, 60, 60, 60], seed));
  const slow = [0, 1, 2].map((seed) => curve([12, 12, 20, 30, 40, 60], seed));

  it("tells how many times the operations a design takes, with an interval around it", () => {
    // 40 of 100 from the second point on, and from the fifth.
    const { value, low, high } = ratioToTarget(slow, fast, 0.4);
    expect(value).toBe(20 / 8);
    expect(low).toBeLessThanOrEqual(value);
    expect(high).toBeGreaterThanOrEqual(value);
    expect(ratioToTarget(fast, fast, 0.4)).toEqual({ value: 1, low: 1, high: 1 });
    expect(ratioToTarget(slow, fast, 0.4, 4).value).toBe(20 / 4);
  });

  it("is infinite where a design never gets there, and no number where neither does", () => {
    expect(ratioToTarget(slow, fast, 0.6).value).toBeGreaterThan(1);
    const never = fast.map(({ seed }) => curve([12, 12, 12, 12, 12, 12], seed));
    expect(ratioToTarget(never, fast, 0.4).value).toBe(Number.POSITIVE_INFINITY);
    expect(ratioToTarget(never, never, 0.4).value).toBeNaN();
  });

  it("compares ends picture by picture", () => {
    const better = [0, 1, 2].map((seed) => curve([10, 30, 50, 70, 70, 70], seed));
    const { value, low, high } = gainAtEnd(better, fast);
    expect(value).toBeCloseTo(0.1);
    // Ten more pictures right and none less: of drawn pictures 10 % are such, give or take 3.
    expect(low).toBeGreaterThan(0.03);
    expect(high).toBeLessThan(0.18);
    expect(endOf(better)).toBe(0.7);
  });
});
