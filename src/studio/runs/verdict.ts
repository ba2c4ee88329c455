import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { heldoutLosses } from "../../training/run-folder/stage-progress.ts";
import type { LossAt, StageState } from "../api-types.ts";

/** A loss that changes by less than this share counts as flat: that much is chance. */
const FLAT = 0.01;
/** Steps at both ends whose training losses are compared if nothing is held out. */
const COMPARED = 50;
/** Newest steps without a finite loss from which on it counts as lost: single ones are skipped, and training goes on. */
const LOST = 3;

/** A sentence on whether a stage is learning. */
export function verdict(stage: StageState | undefined, tail: EventTail): string {
  if (stage === undefined || stage.step === 0) return "No steps yet.";
  const measured = heldoutLosses(tail, stage.stage);
  if (isLost(stage, tail)) return "The loss is no longer a number: a lower learning rate may help.";
  const [first, last] = [measured[0], measured.at(-1)];
  if (first === undefined || last === undefined) return byTraining(stage, tail);
  if (measured.length === 1) return byOne(stage, last, tail);
  return byHeldout(measured, stage.lowestHeldout ?? last, last);
}

function byHeldout(measured: readonly LossAt[], lowest: LossAt, last: LossAt): string {
  if (lowest.step === last.step) {
    const before = measured.at(-2) ?? last;
    const fell = (before.loss - last.loss) / before.loss;
    const [earlier] = measured;
    const whole = earlier === undefined ? 0 : (earlier.loss - last.loss) / earlier.loss;
    if (fell < FLAT && whole < FLAT)
      return `Flat: held-out loss has fallen by ${percent(whole)} since step ${count(earlier?.step ?? 0)}.`;
    return fell >= FLAT
      ? `Learning: held-out loss fell ${percent(fell)} in the last ${count(last.step - before.step)} steps; the newest is the best.`
      : `Learning slowly: held-out loss fell ${percent(fell)} in the last ${count(last.step - before.step)} steps, and ${percent(whole)} in all.`;
  }
  const rose = (last.loss - lowest.loss) / lowest.loss;
  const since = `its lowest, ${shown(lowest.loss)} at step ${count(lowest.step)}`;
  return rose < FLAT
    ? `Flat: held-out loss is about as low as ${since}.`
    : `No longer learning: held-out loss has risen ${percent(rose)} since ${since}.`;
}

function byOne(stage: StageState, { step, loss }: LossAt, tail: EventTail): string {
  if (step < stage.steps)
    return `Held-out loss is ${shown(loss)} at step ${count(step)}; the next measurement will show whether it learns.`;
  const trend = trainingTrend(stage, tail);
  const training = trend === undefined ? "" : ` The training loss ${trend}.`;
  return `Held-out loss is ${shown(loss)} at the end, measured once.${training}`;
}

function byTraining(stage: StageState, tail: EventTail): string {
  const trend = trainingTrend(stage, tail);
  if (trend === undefined) return "Too few steps to say whether it learns.";
  return `Nothing is held out; the training loss ${trend}.`;
}

const lossesOf = ({ stage }: StageState, tail: EventTail): Float64Array =>
  tail.stage(stage).steps.column("loss");

const isLost = (stage: StageState, tail: EventTail): boolean =>
  !lossesOf(stage, tail).subarray(-LOST).some(Number.isFinite);

/** How the training loss has moved; undefined after too few steps with a finite one. */
function trainingTrend(stage: StageState, tail: EventTail): string | undefined {
  const losses = lossesOf(stage, tail).filter(Number.isFinite);
  if (losses.length < 2 * COMPARED) return undefined;
  const begin = meanOf(losses.subarray(0, COMPARED));
  const end = meanOf(losses.subarray(losses.length - COMPARED));
  const fell = (begin - end) / begin;
  if (Math.abs(fell) < FLAT) return "is flat";
  return `has ${fell > 0 ? "fallen" : "risen"} ${percent(Math.abs(fell))} since the start`;
}

const meanOf = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const shown = (loss: number): string => loss.toPrecision(4);
const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;
const count = (steps: number): string => steps.toLocaleString("en-US");
