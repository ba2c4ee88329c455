import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { median } from "../../training/progress/median.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { RECENT } from "../../training/run-folder/run-summary.ts";
import type { LossAt, StageState } from "../api-types.ts";

/** Number of last steps that determine the speed. */
const PACED = 100;

/** The state of all stages of a run. */
export const stageStates = (
  { stages }: Pick<ResolvedConfig, "stages">,
  tail: EventTail,
): StageState[] => {
  const rollbacks = tail.eventsOf("rollback");
  return stages.map(({ name, kind, steps }) => {
    const trace = tail.stage(name);
    const losses = trace.steps.column("loss").slice(-RECENT);
    return {
      stage: name,
      kind,
      step: trace.steps.column("step").at(-1) ?? 0,
      steps,
      ...heldoutOf(tail, name),
      loss: finite(losses.reduce((sum, loss) => sum + loss, 0) / losses.length),
      imagesPerSecond: finite(median(trace.steps.column("imagesPerSecond").slice(-PACED))),
      rollbacks: rollbacks.filter(({ stage }) => stage === name).length,
    };
  });
};

/** The newest and the lowest held-out loss; null if none was measured. */
function heldoutOf(tail: EventTail, stage: string): Pick<StageState, "heldout" | "lowestHeldout"> {
  const measured = heldoutLosses(tail, stage);
  const lowest = measured.reduce<LossAt | null>(
    (least, each) => (least === null || each.loss < least.loss ? each : least),
    null,
  );
  return { heldout: measured.at(-1) ?? null, lowestHeldout: lowest };
}

/** All held-out losses that are finite. */
export function heldoutLosses(tail: EventTail, stage: string): LossAt[] {
  const { validations } = tail.stage(stage);
  const losses = validations.column("heldout");
  return [...validations.column("step")].flatMap((step, i) => {
    const loss = losses[i] ?? Number.NaN;
    return Number.isFinite(loss) ? [{ step, loss }] : [];
  });
}

/** The stage that a run is at: the last one started, or the first. */
export const currentStage = (all: readonly StageState[]): StageState | undefined =>
  all.findLast(({ step }) => step > 0) ?? all[0];

/** Seconds until all stages are complete, at the speed of the last steps; null before the first. */
export function secondsLeft(
  { stages }: Pick<ResolvedConfig, "stages">,
  all: readonly StageState[],
  tail: EventTail,
): number | null {
  const current = currentStage(all);
  const stage = stages.find(({ name }) => name === current?.stage);
  if (current === undefined || stage === undefined) return null;
  const pace = finite(median(tail.stage(stage.name).steps.column("seconds").slice(-PACED)));
  if (pace === null) return null;
  const later = stages.slice(stages.indexOf(stage) + 1);
  const seconds = later.map((each) => (each.steps * pace * workOf(each)) / workOf(stage));
  return (current.steps - current.step) * pace + seconds.reduce((sum, each) => sum + each, 0);
}

/** Pixels per step: the main difference between the stages of a run. */
const workOf = ({ batchSize, gradientAccumulation, resolution }: ResolvedStage): number =>
  batchSize * gradientAccumulation * resolution ** 2;

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
