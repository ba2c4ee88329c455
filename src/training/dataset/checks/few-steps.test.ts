import { expect, it } from "vitest";
import { lineStage } from "../../../../test/fixtures/line-stage.ts";
import { tinyConfig } from "../../../../test/fixtures/tiny-config.ts";
import { configFromJson, type ResolvedConfig, type ResolvedStage } from "../../../config/index.ts";
import type { TrainingData } from "../training-data.ts";
import { tooFewSteps } from "./few-steps.ts";

const data = (pictures: number): TrainingData =>
  ({ train: Array.from({ length: pictures }), heldout: [] }) as unknown as TrainingData;
const config = (...stages: ResolvedStage[]): ResolvedConfig => ({
  ...configFromJson(JSON.stringify(tinyConfig("nowhere")), "tiny"),
  stages,
});
const stage = (steps: number, batchSize: number, warmupSteps = 0): ResolvedStage =>
  lineStage({ steps, batchSize, schedule: { type: "constant", warmupSteps } });

it.each([
  [3, 16, 12, 1, "stages.0.batchSize=4 stages.0.steps=100 stages.0.schedule.warmupSteps=10"],
  [19, 4, 12, 0, "stages.0.steps=100"],
  [1, 16, 2, 0, "stages.0.batchSize=1 stages.0.steps=100"],
])("warns of %i steps of %i with %i pictures", (steps, batch, pictures, warmup, options) => {
  const [count, are] = steps === 1 ? ["1 step", "is"] : [`${steps} steps`, "are"];
  expect(tooFewSteps(config(stage(steps, batch, warmup)), data(pictures), false)).toEqual([
    `${count} of ${batch} pictures ${are} too few for stage "line" to learn much; for ${pictures} pictures try --cfg-options ${options}`,
  ]);
});

it("suggests only what a run that has begun can change, and says nothing of enough steps", () => {
  const [said] = tooFewSteps(config(stage(3, 16, 1)), data(12), true);
  expect(said).toMatch(/try --cfg-options stages\.0\.steps=100$/);
  expect(tooFewSteps(config(stage(20, 16)), data(12), false)).toEqual([]);
  expect(tooFewSteps(config(stage(20, 4), stage(5, 4)), data(12), false)).toHaveLength(1);
});
