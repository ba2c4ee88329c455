import { expect, it } from "vitest";
import { smoothed } from "./smoothing.ts";

it("leaves values as they are at weight 0", () => {
  expect(smoothed([3, 1, 2], 0)).toEqual([3, 1, 2]);
});

it("keeps a constant constant from the first value on", () => {
  for (const value of smoothed([5, 5, 5, 5], 0.999)) expect(value).toBeCloseTo(5, 10);
});

it("weighs earlier values less", () => {
  // (0.5 · 1 + 1 · 2) / 1.5 and (0.25 · 1 + 0.5 · 2 + 1 · 4) / 1.75
  const [first, second, third] = smoothed([1, 2, 4], 0.5);
  expect(first).toBe(1);
  expect(second).toBeCloseTo(2.5 / 1.5, 12);
  expect(third).toBeCloseTo(5.25 / 1.75, 12);
});

it("passes over what is no number", () => {
  expect(smoothed([2, Number.NaN, 2], 0.9)).toEqual([2, Number.NaN, expect.closeTo(2, 10)]);
});
