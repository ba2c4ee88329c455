import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { MADE_STAGE, type MadeRun, writeMadeRun } from "../../../test/fixtures/made-run.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import type { StageState } from "../api-types.ts";
import { LiveRun } from "./live-run.ts";
import { stageStates } from "./stage-state.ts";
import { verdict } from "./verdict.ts";

const folder = mkdtempSync(join(tmpdir(), "pixart-verdict-"));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  [0, {}, "No steps yet."],
  [60, {}, "Too few steps to say whether it learns."],
  [300, {}, "Nothing is held out; the training loss has fallen 67 % since the start."],
  [
    300,
    { 100: 0.5 },
    "Held-out loss is 0.5000 at step 100; the next measurement will show whether it learns.",
  ],
  [
    300,
    { 300: 0.5 },
    "Held-out loss is 0.5000 at the end, measured once. The training loss has fallen 67 % since the start.",
  ],
  [
    300,
    { 100: 0.5, 200: 0.4 },
    "Learning: held-out loss fell 20 % in the last 100 steps; the newest is the best.",
  ],
  [
    300,
    { 100: 0.5, 200: 0.4, 300: 0.399 },
    "Learning slowly: held-out loss fell 0.25 % in the last 100 steps, and 20 % in all.",
  ],
  [
    300,
    { 100: 0.4, 200: 0.402 },
    "Flat: held-out loss is about as low as its lowest, 0.4000 at step 100.",
  ],
  [
    300,
    { 100: 0.4, 200: 0.5 },
    "No longer learning: held-out loss has risen 25 % since its lowest, 0.4000 at step 100.",
  ],
] as const)("of %i steps with %j says so", async (steps, heldout, sentence) => {
  const { stage, tail } = await readMade({ steps, heldout });
  expect(verdict(stage, tail)).toBe(sentence);
});

const lost = (...steps: number[]): Record<number, number> =>
  Object.fromEntries(steps.map((step) => [step, Number.NaN]));
const FALLEN = "Nothing is held out; the training loss has fallen 67 % since the start.";
const NO_NUMBER = "The loss is no longer a number: a lower learning rate may help.";
it.each([
  ["one of the last 50", 300, lost(290), {}, FALLEN],
  ["one of the first 50", 300, lost(3), {}, FALLEN],
  ["the last alone", 300, lost(300), {}, FALLEN],
  [
    "one before a measurement",
    300,
    lost(290),
    { 100: 0.5, 200: 0.4 },
    "Learning: held-out loss fell 20 % in the last 100 steps; the newest is the best.",
  ],
  ["the last three", 300, lost(298, 299, 300), { 100: 0.5, 200: 0.4 }, NO_NUMBER],
  ["all so far", 2, lost(1, 2), {}, NO_NUMBER],
])("of a run whose skipped steps are %s says so", async (_, steps, losses, heldout, sentence) => {
  const { stage, tail } = await readMade({ steps, losses, heldout });
  expect(verdict(stage, tail)).toBe(sentence);
});

async function readMade(
  made: MadeRun,
): Promise<{ readonly stage: StageState | undefined; readonly tail: EventTail }> {
  const path = mkdtempSync(join(folder, "run-"));
  await writeMadeRun(path, made);
  const run = new LiveRun({ id: "x", path, name: "x" }, () => {});
  const { tail } = await run.history();
  const [stage] = stageStates(run.config, tail);
  expect(stage?.stage).toBe(MADE_STAGE);
  return { stage, tail };
}
