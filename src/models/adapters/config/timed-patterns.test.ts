import { describe, expect, it, vi } from "vitest";
import { TimedPatterns } from "./timed-patterns.ts";

const name = "transformer_blocks.27.attn1.to_out.0.transformer_blocks.27.attn1.to_out.0.base";

describe("TimedPatterns", { timeout: 60_000 }, () => {
  it.each([
    "(([a-z0-9_.])+)+!",
    "([a-z_]|[a-z_.]|[0-9.])*!",
    "([a-z0-9_.]?){60}[a-z0-9_.]{60}!",
    ".*.*.*.*.*.*.*.*.*!",
    "(?=([a-z_.0-9]+)+!).*",
    "([a-z_.0-9]+)*\\1!",
    "((((a?){99}){99}){99}){99}",
  ])("ends %s within its time", (source) => {
    const pattern = new TimedPatterns([source], "targetModules");
    const before = process.cpuUsage();
    expect(() => {
      for (let i = 0; i < 1000; i++) pattern.test(name);
    }).toThrow(
      `Expected regular expressions that take less than 1 s for targetModules but received ${JSON.stringify(source)}: write them without nested repetition`,
    );
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(3000);
  });

  it("adds up the time of all patterns of a field, and names the one that it is at", () => {
    const sources = Array.from({ length: 10_000 }, (_, i) => `.*a.*b.*c.*d.*${i}x`);
    const patterns = new TimedPatterns(sources, "rankPattern");
    const long = "abcd".repeat(60);
    const all = (): void => {
      for (let i = 0; i < 100; i++) patterns.test(long);
    };
    expect(all).toThrow(/for rankPattern but received "\.\*a/);
    expect(all).toThrow("for rankPattern"); // there is no time left
  });

  it("charges only its own work, whatever the clock says", () => {
    const patterns = new TimedPatterns(["(?:[a-z_.0-9]?){12}.*!"], "rankPattern");
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 60_000));
    try {
      expect(patterns.test(name)).toBe(false);
    } finally {
      clock.mockRestore();
    }
  });

  it("finds what Python's patterns of real adapters do, also those with lookaheads", () => {
    for (const [source, wanted] of [
      [".*\\.(to_q|to_k|to_v|to_out\\.0)", false],
      [".*attn1\\.to_out\\.0.*", true],
      ["^(?!.*(proj_out|pos_embed)).*attn[12].*$", true],
      ["(?:.*\\.)?(?:base)", true],
    ] as const) {
      const pattern = new TimedPatterns([source], "targetModules");
      expect(pattern.test(name)).toBe(wanted);
    }
  });

  it("asks hundreds of patterns for hundreds of names", () => {
    const names = Array.from({ length: 800 }, (_, i) => `blocks.${i}.attn1.to_out.0`);
    const patterns = new TimedPatterns(
      names.map((_, i) => `(?:.*\\.)?(?:blocks\\.${i}\\..*attn.*)`),
      "rankPattern",
    );
    for (const [i, name] of names.entries()) expect(patterns.firstMatch(name)?.index).toBe(i);
  });

  it("asks a pattern with four repetitions for each layer of a large model", () => {
    const names = Array.from({ length: 280 }, (_, i) => `transformer_blocks.${i}.attn1.to_q`);
    const patterns = new TimedPatterns(
      names.map((_, i) => `.*blocks.*${i}\\..*attn.*`),
      "rankPattern",
    );
    for (const name of names) expect(patterns.test(name)).toBe(true);
  });

  it("refuses one that is longer than any that people write", () => {
    expect(() => new TimedPatterns(["a".repeat(10_001)], "rankPattern")).toThrow(
      "Expected a regular expression of at most 10000 characters for rankPattern but received one of 10001",
    );
  });
});
