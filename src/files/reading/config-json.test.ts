import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatConfig, parseConfig, readConfig, writeConfig } from "./config-json.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-config-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("parseConfig", () => {
  it("reads Python's bare words, and leaves strings with the same words alone", () => {
    const text =
      '{"low": -Infinity, "high": [Infinity], "odd": NaN, "NaN": "NaN", "s": "a -Infinity \\"NaN\\" b"}';
    expect(parseConfig(text)).toEqual({
      low: Number.NEGATIVE_INFINITY,
      high: [Number.POSITIVE_INFINITY],
      odd: Number.NaN,
      NaN: "NaN",
      s: 'a -Infinity "NaN" b',
    });
  });

  it.each(["Infinityx", "1Infinity", "nan", "--Infinity", "{NaN: 1}"])("refuses %s", (text) => {
    expect(() => parseConfig(text)).toThrow(SyntaxError);
  });
});

describe("formatConfig", () => {
  it("sorts keys at every depth and indents by 2", () => {
    const config = { b: [1, { d: null, c: "x" }], a: {}, e: [] };
    expect(formatConfig(config)).toBe(
      '{\n  "a": {},\n  "b": [\n    1,\n    {\n      "c": "x",\n      "d": null\n    }\n  ],\n  "e": []\n}',
    );
  });

  it("gives back what parseConfig read", () => {
    const config = {
      a: Number.NaN,
      b: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
      c: 1e-6,
    };
    expect(formatConfig(config)).toContain("-Infinity,\n    Infinity");
    expect(parseConfig(formatConfig(config))).toEqual(config);
  });
});

describe("configuration files", () => {
  it("end with a newline and read back", async () => {
    const path = join(folder, "config.json");
    await writeConfig(path, { lambda_min_clipped: Number.NEGATIVE_INFINITY });
    expect(readFileSync(path, "utf8")).toBe('{\n  "lambda_min_clipped": -Infinity\n}\n');
    expect(readConfig(path)).toEqual({ lambda_min_clipped: Number.NEGATIVE_INFINITY });
  });

  it("are refused where they are missing, no JSON or no object", () => {
    const path = join(folder, "bad.json");
    expect(() => readConfig(path)).toThrow(
      `${path}: file: expected a JSON file but found nothing of that name`,
    );
    writeFileSync(path, "{");
    expect(() => readConfig(path)).toThrow(`${path}: file: expected JSON but found "`);
    writeFileSync(path, "[1]");
    expect(() => readConfig(path)).toThrow(`${path}: file: expected a JSON object but found [1]`);
  });
});
