import { describe, expect, it } from "vitest";
import { quote } from "./errors.ts";
import { formatPythonJson, parsePythonJson } from "./python-json.ts";
import { RawNumber } from "./strict-json.ts";

describe("parsePythonJson", () => {
  it("reads Python's bare words where values stand, and nowhere else", () => {
    const text =
      '{"a": NaN, "b": [Infinity, -Infinity], "NaN": "NaN", "c": "a NaN, \\"Infinity\\""}';
    expect(parsePythonJson(text)).toEqual({
      a: Number.NaN,
      b: [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
      NaN: "NaN",
      c: 'a NaN, "Infinity"',
    });
  });

  it("keeps every digit of whole numbers, and reads others as doubles", () => {
    const text =
      '[9007199254740991, 9007199254740993, -9007199254740993, 18446744073709551616, 0.30000000000000004, 1e22, "9007199254740993"]';
    expect(parsePythonJson(text)).toEqual([
      9007199254740991,
      9007199254740993n,
      -9007199254740993n,
      18446744073709551616n,
      0.30000000000000004,
      1e22,
      "9007199254740993",
    ]);
  });

  it("leaves strings alone that look like what it puts in a value's place", () => {
    expect(parsePythonJson('["#NaN", "##1", NaN]')).toEqual(["#NaN", "##1", Number.NaN]);
    expect(parsePythonJson('["\\u00231 fan", "\\u0023#\\u00232", NaN]')).toEqual([
      "#1 fan",
      "###2",
      Number.NaN,
    ]);
  });

  it("takes the last of two keys, as Python does", () => {
    expect(parsePythonJson('{"a": NaN, "a": 9007199254740993}')).toEqual({ a: 9007199254740993n });
  });

  it.each([
    "NaNx",
    "-NaN",
    "nan",
    "{NaN: 1}",
    "{9007199254740993: 1}",
    "09007199254740993",
    "9007199254740993.",
    "+9007199254740993",
    "9007199254740993 9007199254740993",
    "9007199254740993NaN",
    '"a"NaN',
    "",
  ])("refuses %j", (text) => {
    expect(() => parsePythonJson(text)).toThrow(SyntaxError);
  });

  it("reads strings of many megabytes beside such numbers", () => {
    const long = `${"x".repeat(2 ** 24)}\\n${'\\"'.repeat(2 ** 22)}`;
    const read = parsePythonJson(`{"data": "${long}", "n": NaN}`) as { data: string };
    expect(read.data).toHaveLength(2 ** 24 + 1 + 2 ** 22);
  });
});

describe("formatPythonJson", () => {
  it("writes what was read, digit for digit", () => {
    const text = '{"a":[NaN,-Infinity,{}],"id":9007199254740993,"s":"é\\n","n":null,"z":-0.0}';
    expect(formatPythonJson(parsePythonJson(text))).toBe(text);
  });

  it("writes as JSON.stringify does, indents included", () => {
    const value = { a: [1, { b: "x", c: undefined }], d: [], e: {}, f: [undefined] };
    expect(formatPythonJson(value)).toBe(JSON.stringify(value));
    expect(formatPythonJson(value, " ")).toBe(JSON.stringify(value, undefined, 1));
  });

  it("keeps the spelling of every number where it was asked for", () => {
    const text = '{"a":1.0,"b":1e5,"c":NaN,"d":9007199254740993}';
    expect(formatPythonJson(parsePythonJson(text, (spelling) => new RawNumber(spelling)))).toBe(
      text,
    );
  });
});

describe("quote", () => {
  it("shows what JSON has no word for", () => {
    expect(quote({ id: 9007199254740993n, score: Number.NaN })).toBe(
      '{"id":"9007199254740993","score":"NaN"}',
    );
  });
});
