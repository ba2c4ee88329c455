import { describe, expect, it } from "vitest";
import type { RunResult } from "../lab/run-files.ts";
import { recordTable, seedRecord } from "./record.ts";

/** A run that has so many of ten pairs right after each TFLOP. */
const run = (counts: readonly number[], content?: readonly number[]): RunResult => ({
  design: "shipped",
  what: "as it ships",
  seed: 4,
  tflop: counts.length,
  stages: [],
  weights: 1,
  points: counts.map((count, i) => ({
    stage: "captions-32",
    step: i + 1,
    tflop: i + 1,
    right: Array.from({ length: 10 }, (_, pair) => (pair < count ? 1 : 0)),
    errors: [],
    ...(content !== undefined && { content: content[i] ?? 0 }),
  })),
  seconds: counts.map((_, i) => 10 * (i + 1)),
  cpuSeconds: 1,
  prompts: [],
  hash: "",
  machine: "a machine",
  date: "",
  rightDense: [],
  rightOther: [1, 0],
});

describe("seedRecord", () => {
  it("is where the target of 70 % is reached and kept", () => {
    expect(seedRecord(run([5, 8, 6, 7, 8, 8]))).toEqual({
      seed: 4,
      tflop: 3,
      seconds: 30,
      choice: 0.8,
      heldout: 0.5,
      content: null,
    });
    expect(seedRecord(run([5, 8, 6, 6, 6]))).toMatchObject({ tflop: null, seconds: null });
  });

  it("asks for content too where that was measured", () => {
    const choice = [8, 8, 8, 8, 8];
    expect(seedRecord(run(choice, [0, 0.1, 0.3, 0.3, 0.3]))).toMatchObject({
      tflop: 3,
      content: 0.3,
    });
    expect(seedRecord(run(choice, [0, 0, 0, 0, 0])).tflop).toBeNull();
  });
});

describe("recordTable", () => {
  it("tells the median of the seeds, and what was not reached", () => {
    const record = (counts: readonly (readonly number[])[]) => ({
      recipe: "shipped",
      what: "as it ships",
      date: "2026-11-29",
      machine: "a machine",
      command: "",
      target: { choice: 0.7, content: 0.2 } as const,
      budget: 5,
      seeds: counts.map((each) => seedRecord(run(each))),
    });
    const [fast, slow] = [
      [8, 8, 8, 8],
      [5, 5, 5, 8],
    ];
    const good = recordTable([record([fast, fast, slow])]).split("\n")[2];
    expect(good).toBe(
      "| shipped: as it ships | 1.0 | 10 | 80.0 % | 50.0 % |  | 3 | 2026-11-29 | a machine |",
    );
    expect(recordTable([record([slow, slow, fast])])).toContain("| not reached | not reached |");
    expect(recordTable([])).toBe("Nothing has been run yet.");
  });
});
