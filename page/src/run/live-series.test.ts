import { expect, it } from "vitest";
import type { Series } from "../../../src/studio/api-types.ts";
import { withStep } from "./live-series.ts";

const series: Series = {
  stage: "alignment",
  keys: { loss: { step: [1, 2], mean: [0.5, 0.4], min: [0.5, 0.4], max: [0.5, 0.4] } },
  seconds: [],
  secondsAt: [],
  imagesPerStep: null,
  epochImages: null,
};
const step = {
  id: "run",
  stage: "alignment",
  step: 3,
  loss: 0.3,
  gradNorm: 1,
  lr: 1e-4,
  imagesPerSecond: 84,
};

it("adds a step to each of its curves", () => {
  const { keys } = withStep(series, step);
  expect(keys.loss?.mean).toEqual([0.5, 0.4, 0.3]);
  expect(keys.gradNorm).toEqual({ step: [3], mean: [1], min: [1], max: [1] });
});

it("leaves alone what the step is not news for", () => {
  expect(withStep(series, { ...step, stage: "pretraining" })).toBe(series);
  expect(withStep(series, { ...step, step: 2 })).toBe(series);
});

it("leaves out what is no number, as of a skipped step, which JSON writes as null", () => {
  const skipped = { ...step, ...JSON.parse(JSON.stringify({ loss: Number.NaN })) };
  const { keys } = withStep(series, skipped);
  expect(keys.loss?.step).toEqual([1, 2]);
  expect(keys.lr).toEqual({ step: [3], mean: [1e-4], min: [1e-4], max: [1e-4] });
  const live = { ...series, keys };
  expect(withStep(live, skipped)).toBe(live);
});
