import { expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { LineTask } from "../../../test/fixtures/line-task.ts";
import { StageLoop } from "./stage-loop.ts";
import { validationsOf } from "./validations.ts";

const NONE = { train: 20, heldout: 0 };
const SOME = { train: 20, heldout: 4 };
const EVERY = { steps: 7, checkpointEvery: 3, validateEvery: 2, keepBest: true };

it.each([
  ["every two steps and at each checkpoint", EVERY, SOME, 5],
  ["but not at checkpoints if nothing is held out", EVERY, NONE, 4],
  ["or if the best is not kept", { ...EVERY, keepBest: false }, SOME, 4],
  ["at the end", { ...EVERY, validateEvery: null }, SOME, 1],
  ["but not on training pictures alone", { ...EVERY, validateEvery: null }, NONE, 0],
  ["and never on no pictures", { ...EVERY, validationSamples: 0 }, SOME, 0],
])("says how often a stage validates: %s", async (_, changes, counts, times) => {
  const stage = lineStage({ sampleEvery: null, ...changes });
  const task = new LineTask(undefined, counts);
  const loop = new StageLoop(1, stage, task);
  const validated: number[] = [];
  await loop.run({
    onStep: () => {},
    onWarning: () => {},
    onSample: async () => {},
    onValidation: (step) => validated.push(step),
    onCheckpoint: async () => {},
    shouldStop: () => false,
  });
  loop.dispose();
  task.dispose();
  expect(validated).toHaveLength(times);
  expect(validationsOf(stage, counts)).toBe(times);
});
