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
});
