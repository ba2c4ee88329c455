import { describe, expect, it } from "vitest";
import { quote } from "../files/reading/errors.ts";

describe("quote", () => {
  it.each([
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [1.5, "1.5"],
    ["a", '"a"'],
    [null, "null"],
    [undefined, "nothing"],
    [[1, Number.NaN], '[1,"NaN"]'],
    [2n ** 64n, '"18446744073709551616"'],
    ["x".repeat(200), `"${"x".repeat(119)}…`],
  ])("writes %s", (value, text) => {
    expect(quote(value)).toBe(text);
  });

  it("ends no stack with a value of many levels", () => {
    const deep = JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`);
    expect(quote(deep)).toBe("JSON of too many levels");
  });
});
