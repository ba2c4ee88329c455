import { expect, it } from "vitest";
import { backOff } from "./back-off.ts";

it("doubles the wait up to a quarter of a minute", () => {
  const waits = [0, 1, 2, 3, 4, 5, 50].map((attempt) => backOff(attempt, () => 0));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
});

it("adds up to a fifth by chance", () => {
  expect(backOff(1, () => 0.5)).toBe(1100);
});
