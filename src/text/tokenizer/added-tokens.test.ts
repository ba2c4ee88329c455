import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addedSplitter } from "./added-tokens.ts";

/** As a regular expression of all tokens splits, the longest first. */
function split(tokens: readonly string[], text: string): string[] {
  const longestFirst = [...tokens].sort((a, b) => b.length - a.length);
  const any = longestFirst.map((token) => token.replaceAll(/[$()*+./?[\\\]^{|}]/g, "\\$&"));
  return text.split(new RegExp(`(${any.join("|") || "(?!)"})`, "u"));
}

describe("addedSplitter", () => {
  it("splits as a regular expression of all tokens does", () => {
    const token = fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom(..."ab<>.*🦊é") });
    const text = fc.string({ maxLength: 40, unit: fc.constantFrom(..."ab<>.*🦊é ") });
    fc.assert(
      fc.property(fc.uniqueArray(token, { maxLength: 8 }), text, (tokens, given) => {
        expect(addedSplitter(tokens)(given)).toEqual(split(tokens, given));
      }),
    );
  });

  it("takes hundreds of thousands of tokens", () => {
    const tokens = Array.from({ length: 300_000 }, (_, i) => `<token_${i}>`);
    const parts = addedSplitter(tokens)("a <token_299999> b<token_1>");
    expect(parts).toEqual(["a ", "<token_299999>", " b", "<token_1>", ""]);
  });

  it("is as quick where all tokens begin as the text does", () => {
    const split = addedSplitter(Array.from({ length: 300_000 }, (_, i) => `<token_${i}>`));
    const text = "<".repeat(20_000); // one after another they took 7 ms a place
    const { user } = process.cpuUsage();
    expect(split(text)).toEqual([text]);
    expect(process.cpuUsage().user - user).toBeLessThan(5e6);
  });

  it("refuses an empty token, which would be found everywhere for ever", () => {
    expect(() => addedSplitter(["a", ""])).toThrow(
      'Expected tokens that are not empty but received ""',
    );
  });
});
