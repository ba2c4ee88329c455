import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { ARMS } from "./arms.ts";
import { compare } from "./compare.ts";
import { choiceFigure, errorFigure, ratioFigure } from "./figures.ts";
import type { RunResult } from "./run-files.ts";
import { toPng } from "./svg.ts";
import { armTable, controls, stageTable, verdicts } from "./tables.ts";

/** A run whose share of 100 pairs rises by `rate` a point of ten, from 10 %. */
function madeUp(design: string, seed: number, rate: number): RunResult {
  const learnsClasses = !["A1", "A2"].includes(design);
  const first = learnsClasses ? 2 : 1;
  const points = Array.from({ length: 11 - first }, (_, i) => first + i).map((point) => ({
    stage: "captions-32",
    step: point,
    tflop: point,
    right: Array.from({ length: 100 }, (_, pair) => (pair < 10 + rate * point + seed ? 1 : 0)),
    errors: [0.6, 0.5, 0.3, 0.1, 0.02].map((error) => error * (1.2 - rate / 100)),
  }));
  return {
    design,
    seed,
    what: design,
    tflop: 10,
    stages: [
      { name: learnsClasses ? "classes-32" : "captions-32", steps: 10, pictures: 640, gflop: 100 },
      { name: "captions-64", steps: 90, pictures: 5760, gflop: 100 },
    ],
    weights: design === "B2" ? 5e6 : 4e6,
    points,
    seconds: [],
    cpuSeconds: 50,
    prompts: [],
    hash: `${design}-${seed}`,
    machine: "",
    date: "2026-11-29",
    rightDense: [1, 0],
    rightOther: [1],
  };
}

/** FULL learns 6 points a step; A2 half as fast, C1 faster, all others alike. */
const rateOf = (name: string): number => ({ A2: 3, C1: 8 })[name] ?? 6;
const results = ARMS.flatMap(({ name }) => [0, 1].map((seed) => madeUp(name, seed, rateOf(name))));

describe("compare", () => {
  const comparison = compare([...results, madeUp("A1", 2, 6)], 10);
  const arm = (name: string) => comparison.arms.find((each) => each.name === name);

  it("takes the seeds that all arms have, and the worst arm's end as the target", () => {
    expect(comparison.seeds).toEqual([0, 1]);
    // A2's last three points: 34, 37, 40 and one more with the other seed; the medians' median.
    expect(comparison.target).toBeCloseTo(0.375);
  });

  it("tells operations to the target beside FULL's, and its pixel stage apart", () => {
    // 10 + 6 p ≥ 37.5 at p = 5; with 3 p at 10 for one seed alone.
    expect(arm("FULL")?.toTarget).toBe(5);
    expect(arm("A1")?.ratio.value).toBe(1);
    expect(arm("A1")?.ratioWithoutPixels.value).toBe(5 / 4); // TFLOP 1 of 10 is FULL's pixel stage
    expect(arm("C1")?.ratio.value).toBeLessThan(1);
    expect(arm("C1")?.gain.value).toBeCloseTo(0.18);
  });

  it("says where FULL has no run", () => {
    expect(() => compare([madeUp("A1", 0, 6)], 10)).toThrow(
      "Expected runs of FULL that are done but found none",
    );
  });

  it("becomes figures without holes", async () => {
    for (const svg of [choiceFigure, errorFigure, ratioFigure].map((make) => make(comparison))) {
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      const { width = 0, format } = await sharp(await toPng(svg)).metadata();
      expect(format).toBe("png");
      expect(width).toBeGreaterThan(2000);
    }
  });

  it("becomes sentences and tables that say what helps and what does not", () => {
    const said = verdicts(comparison).split("\n");
    expect(said.find((line) => line.includes("**A2**"))).toContain("Training in stages helps.");
    expect(said.find((line) => line.includes("**C1**"))).toContain(
      "so it is cheaper. At equal operations it has +18.0 (",
    );
    expect(said.find((line) => line.includes("**C1**"))).toContain(
      "Training on dense captions does not help at this size.",
    );
    expect(said.find((line) => line.includes("**B1**"))).toContain("no difference");
    expect(armTable(comparison)).toContain("| 5.00 M | 40.0 | 5.0 |");
    expect(stageTable(comparison)).toContain("| A2 | captions-64 | 90 | 5,760 | 1.563 | 9.0 |");
  });
});

describe("controls", () => {
  const full = madeUp("FULL", 0, 6);
  const shuffled = (right: number): RunResult => ({
    ...madeUp("shuffled", 0, 0),
    points: [{ ...full.points[0], right: Array(100).fill(0).fill(1, 0, right) } as never],
  });

  it("hold where shuffled captions stay at chance and a repeated run is the same", () => {
    const repeat = { ...full, design: "repeat", cpuSeconds: 60 };
    expect(controls([full, shuffled(13), repeat])).toBe(
      [
        "- Captions shuffled: 13.0 % of held-out pairs, where chance is 12.5 ± 6.6 %: as it must be.",
        "- FULL with seed 0 once more: weights and all that is measured are equal to the last bit.",
      ].join("\n"),
    );
  });

  it("are said not to hold where they do not", () => {
    const repeat = { ...full, design: "repeat", hash: "another" };
    const said = controls([full, shuffled(30), repeat]);
    expect(said).toContain("**NOT as it must be**");
    expect(said).toContain("**NOT equal**");
  });
});
