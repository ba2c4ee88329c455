import { describe, expect, it } from "vitest";
import { normalized, parseNormalizer } from "./normalizer.ts";

const replace = (content: string) => ({ type: "Replace", pattern: { String: "a" }, content });
const sequence = (...normalizers: readonly object[]) => ({ type: "Sequence", normalizers });

describe("normalizers of a stranger's file", () => {
  it("refuses what replaces a letter by hundreds", () => {
    expect(() => parseNormalizer("t.json", replace("b".repeat(257)))).toThrow(
      "t.json: normalizer: expected null or supported normalizers",
    );
    const prepend = { type: "Prepend", prepend: "b".repeat(257) };
    expect(() => parseNormalizer("t.json", prepend)).toThrow("t.json: normalizer: expected");
  });

  it("refuses more of them than any tokenizer has", () => {
    const many = sequence(...Array.from({ length: 65 }, () => ({ type: "NFC" })));
    expect(() => parseNormalizer("t.json", many)).toThrow(
      "t.json: normalizer.normalizers.64: expected at most 64 normalizers but found more",
    );
  });

  it("ends those that make a text ever longer", () => {
    const { steps } = parseNormalizer("t.json", sequence(...Array(20).fill(replace("aa"))));
    expect(normalized("abc", steps.slice(0, 3))).toBe(`${"a".repeat(8)}bc`);
    expect(() => normalized("aaa", steps)).toThrow(
      "Expected a tokenizer whose normalizer makes at most 1000000 characters of 3 but received one that makes 1572864",
    );
  });
});
