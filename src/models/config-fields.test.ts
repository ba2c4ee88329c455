import { describe, expect, it } from "vitest";
import { count } from "../files/reading/config-fields.ts";
import { completeConfig, readConfig } from "./config-fields.ts";

const fields = { layers: count(1) };
const unknown = (many: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: many }, (_, i) => [`field_${i}`, i]));

describe("what a file says too much", () => {
  it.each([
    [20, undefined],
    [21, "So were 1 more."],
    [30, "So were 10 more."],
  ])("is told of %i unknown fields", (many, last) => {
    const warnings: string[] = [];
    readConfig(fields, unknown(many), "config.json", (text) => warnings.push(text));
    expect(warnings).toHaveLength(20);
    expect(/So were.*/.exec(warnings.at(-1) ?? "")?.[0]).toBe(last);
  });

  it("is counted where it is refused", () => {
    const lines = (many: number): string[] => {
      try {
        completeConfig(fields, { ...unknown(many), layers: 0 });
      } catch (error) {
        return (error as Error).message.split("\n");
      }
      return [];
    };
    expect(lines(19).at(-1)).toBe("Expected a positive integer for layers but received 0");
    expect(lines(20)).toHaveLength(21);
    expect(lines(20).at(-1)).toBe("and 1 more");
    expect(lines(50).at(-1)).toBe("and 31 more");
  });
});
