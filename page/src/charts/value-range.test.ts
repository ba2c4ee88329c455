import { expect, it } from "vitest";
import { valueRange } from "./value-range.ts";

const all = { isClipped: false, isLog: false };

it("shows every value with a margin", () => {
  expect(valueRange([0, 1], all)).toEqual([-0.06, 1.06]);
});

it("leaves out the outermost hundredth where it is to", () => {
  const values = [...Array.from({ length: 199 }, (_, i) => i / 198), 1000];
  const [, high] = valueRange(values, { isClipped: true, isLog: false }) ?? [];
  expect(high).toBeLessThan(1.1);
  expect(valueRange(values, all)?.[1]).toBeGreaterThan(1000);
});

it("keeps to what has a logarithm", () => {
  const [low] = valueRange([0, -1, 0.1, 10], { isClipped: false, isLog: true }) ?? [];
  expect(low).toBeGreaterThan(0.05);
  expect(low).toBeLessThan(0.1);
});

it("passes over gaps, and has none without numbers", () => {
  expect(valueRange([null, Number.NaN, undefined], all)).toBeUndefined();
  expect(valueRange([null, 2], all)).toEqual([1.88, 2.12]);
});
