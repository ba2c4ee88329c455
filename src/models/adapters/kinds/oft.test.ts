import { expect, it } from "vitest";
import { nearestDivisor } from "./oft.ts";

it("nearestDivisor gives what PEFT's adjust_oft_parameters gives", () => {
  expect(nearestDivisor(24, 5)).toBe(4);
  expect(nearestDivisor(24, 7)).toBe(6);
  expect(nearestDivisor(24, 10)).toBe(8);
  expect(nearestDivisor(24, 11)).toBe(12);
  expect(nearestDivisor(24, 100)).toBe(24);
  expect(nearestDivisor(7, 3)).toBe(1);
  expect(nearestDivisor(1152, 32)).toBe(32);
});
