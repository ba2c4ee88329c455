import { describe, expect, it } from "vitest";
import { wholeNumber } from "./arguments.ts";

describe("wholeNumber", () => {
  it("reads whole numbers up to 2^53 - 1", () => {
    expect(wholeNumber(0)("0")).toBe(0);
    expect(wholeNumber(1)("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each(["9007199254740992", "9007199254740993", "18446744073709551615", "1e300"])(
    "refuses %s, which a double may not hold",
    (text) => {
      expect(() => wholeNumber(0)(text)).toThrow("Expected a whole number up to 9007199254740991.");
    },
  );

  it.each(["", " ", "-1", "1.5", "x", "Infinity"])("refuses %j", (text) => {
    expect(() => wholeNumber(0)(text)).toThrow("Expected a whole number from 0.");
  });
});
