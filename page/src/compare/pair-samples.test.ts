import { expect, it } from "vitest";
import type { SampleSet } from "../../../src/studio/api-types.ts";
import { pairSamples } from "./pair-samples.ts";

const sets = (...steps: number[]): SampleSet[] =>
  steps.map((step) => ({ stage: "finetune", step, sheet: "", pictures: [] }));
const stepsOf = (a: SampleSet[], b: SampleSet[]): number[][] =>
  pairSamples(a, b).map((pair) => [pair.a.step, pair.b.step]);

it("puts the nearest step of the other run beside each of the one with more", () => {
  const many = sets(0, 100, 200, 300);
  const few = sets(0, 250);
  expect(stepsOf(many, few)).toEqual([
    [0, 0],
    [100, 0],
    [200, 250],
    [300, 250],
  ]);
  expect(stepsOf(few, many)[2]).toEqual([250, 200]);
});

it("has no pairs where one side has no samples", () => {
  expect(stepsOf(sets(0), [])).toEqual([]);
});
