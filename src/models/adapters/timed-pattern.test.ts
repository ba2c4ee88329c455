import { describe, expect, it } from "vitest";
import { PatternTime, TimedPattern } from "./timed-pattern.ts";

const name = "transformer_blocks.27.attn1.to_out.0.transformer_blocks.27.attn1.to_out.0.base";

describe("TimedPattern", () => {
  it.each([
    "(([a-z0-9_.])+)+!",
    "([a-z_]|[a-z_.]|[0-9.])*!",
    "([a-z0-9_.]?){60}[a-z0-9_.]{60}!",
    ".*.*.*.*.*.*.*.*.*!",
    "(?=([a-z_.0-9]+)+!).*",
    "([a-z_.0-9]+)*\\1!",
    "((((a?){99}){99}){99}){99}",
  ])("ends %s within its time", (source) => {
    const pattern = new TimedPattern(source, "targetModules", new PatternTime());
    const start = performance.now();
    expect(() => {
      for (let i = 0; i < 1000; i++) pattern.test(name);
    }).toThrow(
      `Expected regular expressions that take less than 1.5 s for targetModules but received ${JSON.stringify(source)}: write them without repeating`,
    );
    expect(performance.now() - start).toBeLessThan(4000);
  });

  it("adds up the time of all patterns of a field", () => {
    const time = new PatternTime();
    const patterns = Array.from(
      { length: 10_000 },
      (_, i) => new TimedPattern(`.*a.*b.*c.*${i}x`, "rankPattern", time),
    );
    const long = "abc".repeat(60);
    expect(() => patterns.map((pattern) => pattern.test(long))).toThrow("for rankPattern");
  });

  it("finds what Python's patterns of real adapters do, also those with lookaheads", () => {
    for (const [source, wanted] of [
      [".*\\.(to_q|to_k|to_v|to_out\\.0)", false],
      [".*attn1\\.to_out\\.0.*", true],
      ["^(?!.*(proj_out|pos_embed)).*attn[12].*$", true],
      ["(?:.*\\.)?(?:base)", true],
    ] as const) {
      const pattern = new TimedPattern(source, "targetModules", new PatternTime());
      expect(pattern.test(name)).toBe(wanted);
    }
  });

  it("asks thousands of patterns for hundreds of names", () => {
    const time = new PatternTime();
    const patterns = Array.from(
      { length: 300 },
      (_, i) => new TimedPattern(`(?:.*\\.)?(?:blocks\\.${i}\\..*attn.*)`, "rankPattern", time),
    );
    for (let i = 0; i < 300; i++) patterns.some((pattern) => pattern.test(`${name}.${i}`));
  });

  it("refuses one that is longer than any that people write", () => {
    expect(() => new TimedPattern("a".repeat(10_001), "rankPattern", new PatternTime())).toThrow(
      "Expected a regular expression of at most 10000 characters for rankPattern but received one of 10001",
    );
  });
});
