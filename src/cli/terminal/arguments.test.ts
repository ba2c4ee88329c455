import { describe, expect, it } from "vitest";
import { number, numbers, wholeNumber } from "./arguments.ts";

describe("wholeNumber", () => {
  it("reads whole numbers up to 2^53 - 1", () => {
    expect(["0", "+1", "20.0", " 7 "].map(wholeNumber(0))).toEqual([0, 1, 20, 7]);
    expect(wholeNumber(1)("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each(["9007199254740992", "9007199254740993", "18446744073709551615"])(
    "refuses %s, which a double may not hold",
    (text) => {
      expect(() => wholeNumber(0)(text)).toThrow("Expected a whole number up to 9007199254740991.");
    },
  );

  it.each(["", " ", "-1", "1.5", "x", "Infinity", "0x10", "0b1", "0o7", "1e2", "1_000", "20.5"])(
    "refuses %j",
    (text) => {
      expect(() => wholeNumber(0)(text)).toThrow("Expected a whole number from 0.");
    },
  );
});

describe("number", () => {
  it.each([
    ["0", 0],
    ["-1.5", -1.5],
    [".25", 0.25],
    ["3.", 3],
    ["1e-3", 0.001],
    [" 2 ", 2],
  ])("reads %j", (text, value) => {
    expect(number(text)).toBe(value);
  });

  it.each(["", " ", "x", "Infinity", "NaN", "0x10", "0b1", "1e400", "1,5"])(
    "refuses %j",
    (text) => {
      expect(() => number(text)).toThrow("Expected a number.");
    },
  );

  it("of a list is refused for one that is none", () => {
    expect(numbers("999,750.5")).toEqual([999, 750.5]);
    expect(() => numbers("999,,1")).toThrow("Expected a number.");
  });
});
