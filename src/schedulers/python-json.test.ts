import { describe, expect, it } from "vitest";
import { formatPythonJson, parsePythonJson } from "./python-json.ts";

describe("parsePythonJson", () => {
  it("reads Python's bare non-finite numbers, at any depth", () => {
    expect(parsePythonJson('{"a": -Infinity, "b": [Infinity, {"c": NaN}], "d": 1e-4}')).toEqual({
      a: Number.NEGATIVE_INFINITY,
      b: [Number.POSITIVE_INFINITY, { c: Number.NaN }],
      d: 1e-4,
    });
  });

  it("leaves strings alone", () => {
    const text = String.raw`{"NaN": "-Infinity", "b": "say \"NaN\" and \\"}`;
    expect(parsePythonJson(text)).toEqual({ NaN: "-Infinity", b: 'say "NaN" and \\' });
  });

  it("refuses what neither language writes", () => {
    expect(() => parsePythonJson("{'a': 1}")).toThrow(SyntaxError);
    expect(() => parsePythonJson("+Infinity")).toThrow(SyntaxError);
  });
});

describe("formatPythonJson", () => {
  it("sorts keys, indents by two and ends with a newline", () => {
    expect(formatPythonJson({ b: true, a: Number.NEGATIVE_INFINITY, _c: null, d: "NaN" })).toBe(
      '{\n  "_c": null,\n  "a": -Infinity,\n  "b": true,\n  "d": "NaN"\n}\n',
    );
  });

  it("is read back as it was", () => {
    const record = { a: Number.NaN, b: Number.POSITIVE_INFINITY, c: 0.1, d: [1, null] };
    expect(parsePythonJson(formatPythonJson(record))).toEqual(record);
  });
});
