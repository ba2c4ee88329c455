import { describe, expect, it } from "vitest";
import { dalyInterval, expectedSeconds, youngInterval } from "./checkpointing.ts";

const MINUTE = 60;
const HOUR = 3600;

describe("The optimum interval", () => {
  // What Daly's figures 3 to 5 say of a save of 5 minutes.
  it.each([
    ["24 h", 24 * HOUR, 117, 0],
    ["6 h", 6 * HOUR, 57, 0],
    ["15 min", 15 * MINUTE, 9.1, 1],
  ])("is Daly's own where a job stops every %s", (_, mtbf, minutes, digits) => {
    expect(dalyInterval(5 * MINUTE, mtbf) / MINUTE).toBeCloseTo(minutes, digits);
  });

  it("is Young's √(2 · 5 min · 24 h) = 2 h to first order", () => {
    expect(youngInterval(5 * MINUTE, 24 * HOUR)).toBeCloseTo(2 * HOUR, 9);
  });

  it("is the time between stops where a save takes twice as long as that", () => {
    expect(dalyInterval(20, 10)).toBe(10);
    expect(dalyInterval(21, 10)).toBe(10);
  });
});

it("expects the plain time without stops, and M e^(R/M) (e − 1) for work as long as M", () => {
  expect(expectedSeconds(100, 60, 1e12)).toBeCloseTo(100, 6);
  expect(expectedSeconds(50, 50 * Math.LN2, 50)).toBeCloseTo(50 * 2 * (Math.E - 1), 9);
});
