import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { lineStage } from "../../../test/fixtures/line-stage.ts";
import { LineTask } from "../../../test/fixtures/line-task.ts";
import { describeRehearsal, rehearse } from "./rehearsal.ts";

const root = mkdtempSync(join(tmpdir(), "pixart-rehearsal-"));
afterAll(() => rmSync(root, { recursive: true }));

it("doesn't validate, not even after a stage's only step", async () => {
  const task = new LineTask();
  let measured = 0;
  const load = task.load.bind(task);
  task.load = (batch) => {
    if (batch.isMeasured === true) measured += 1;
    return load(batch);
  };
  const { stepSeconds } = await rehearse(root, 1, lineStage({ steps: 1 }), task, "cpu");
  task.dispose();
  expect(measured).toBe(0);
  expect(stepSeconds).toBeGreaterThan(0);
});

it("counts validations in the time that it forecasts", () => {
  const stage = lineStage({
    ...{ steps: 100, batchSize: 1, sampleEvery: null, keepBest: false },
    ...{ checkpointEvery: 100, validateEvery: 25 },
  });
  const taken = { stepSeconds: 6, sampleSeconds: 0, saveSeconds: 0, peakBytes: 0 };
  const told = (heldout: number): string =>
    describeRehearsal(stage, { train: 9, heldout }, { ...taken, availableBytes: 0 });
  // 600 s, and 4 validations of 256 passes of 3 s each, on one split or two.
  expect(told(0)).toMatch(/100 steps will take about 1 h 1 min$/);
  expect(told(3)).toMatch(/100 steps will take about 1 h 52 min$/);
});
