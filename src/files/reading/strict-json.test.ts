import { describe, expect, it } from "vitest";
import { isObject, parseStrictJson, RawNumber } from "./strict-json.ts";

describe("parseStrictJson", () => {
  it("reads what JSON.parse reads", () => {
    const text = ' {"a":[1,{"b":null}],"c":"\\u00e4\\ud83e\\udd8a","d":true,"":{}} ';
    expect(parseStrictJson(text)).toEqual(JSON.parse(text));
  });

  it.each(["-1", "4.0", "4e0", "-0", "9007199254740993", "0.5"])(
    "keeps %s as it is written",
    (digits) => {
      const value = parseStrictJson(digits);
      expect(value).toBeInstanceOf(RawNumber);
      expect((value as RawNumber).text).toBe(digits);
      expect(JSON.stringify(value)).toBe(`"${digits}"`);
    },
  );

  it("makes __proto__ a key like any other", () => {
    const value = parseStrictJson('{"__proto__":{"x":1}}');
    expect(isObject(value) && Object.keys(value)).toEqual(["__proto__"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  it.each([
    ['{"a":1,"a":2}', "Duplicate key 'a' encountered at position 8"],
    ['{"a":"x","a":"x"}', "Duplicate key: an object repeats a key with the same value"],
    ['[{"b":{"a":[],"a":[]}}]', "Duplicate key: an object repeats a key with the same value"],
    ['"\\ud83e"', "Lone surrogate in a string"],
    ['{"\\udd8a":1}', "Lone surrogate in a key"],
    ["[1e400]", "Number out of range: 1e400"],
    ["[".repeat(128) + "]".repeat(128), "Nesting of 128 levels; at most 127 are read"],
    ["[".repeat(1_000_000), "Nesting of 1000000 levels; at most 127 are read"],
    ['{"a":1,}', "Quoted object key expected but got '}' at position 7"],
    ["[1] 2", "Expected end of input but got '2' at position 4"],
  ])("refuses %.30s", (text, message) => {
    expect(() => parseStrictJson(text)).toThrow(new SyntaxError(message));
  });

  it("reads 127 levels, and colons and brackets inside strings", () => {
    expect(() => parseStrictJson("[".repeat(127) + "]".repeat(127))).not.toThrow();
    expect(parseStrictJson('{"a:[{\\":":"::[[[["}')).toEqual({ 'a:[{":': "::[[[[" });
  });
});
