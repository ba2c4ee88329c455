import type { ResolvedStage } from "../../config/index.ts";
import { median } from "../progress/median.ts";
import type { EventTail } from "./event-tail.ts";

/** A loss and the step after which it was measured. */
export interface LossAt {
  readonly step: number;
  readonly loss: number;
}

/** Progress of one stage of a run. */
export interface StageProgress {
  readonly stage: string;
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean training loss of the last 50 steps, without those that had no finite one; null if none had. */
  readonly loss: number | null;
  /** The newest and the lowest held-out loss; null if none was measured. */
  readonly heldout: LossAt | null;
  readonly lowestHeldout: LossAt | null;
  /** Median of the last 100 steps; null before the first. */
  readonly imagesPerSecond: number | null;
  /** Number of rollbacks after a loss spike. */
  readonly rollbacks: number;
}

/** Number of last steps whose mean loss is given. */
const RECENT = 50;
/** Number of last steps that determine the speed. */
const PACED = 100;

/** How far a stage has come, from its run's events. */
export function stageProgress(
  tail: EventTail,
  { name, steps }: Pick<ResolvedStage, "name" | "steps">,
): StageProgress {
  const done = tail.stage(name).steps;
  const losses = done.column("loss").slice(-RECENT).filter(Number.isFinite);
  const heldout = heldoutLosses(tail, name);
  return {
    stage: name,
    step: done.column("step").at(-1) ?? 0,
    steps,
    loss: finite(losses.reduce((sum, loss) => sum + loss, 0) / losses.length),
    heldout: heldout.at(-1) ?? null,
    lowestHeldout: heldout.length === 0 ? null : heldout.reduce(lower),
    imagesPerSecond: paceOf(tail, name, "imagesPerSecond"),
    rollbacks: tail.eventsOf("rollback").filter(({ stage }) => stage === name).length,
  };
}

/** All held-out losses of a stage that are finite. */
export function heldoutLosses(tail: EventTail, stage: string): LossAt[] {
  const { validations } = tail.stage(stage);
  const losses = validations.column("heldout");
  return [...validations.column("step")].flatMap((step, i) => {
    const loss = losses[i] ?? Number.NaN;
    return Number.isFinite(loss) ? [{ step, loss }] : [];
  });
}

/** Median of the last steps of a stage; null before the first. */
export const paceOf = (
  tail: EventTail,
  stage: string,
  column: "imagesPerSecond" | "seconds",
): number | null => finite(median(tail.stage(stage).steps.column(column).slice(-PACED)));

/** The stage that a run is at: the last one started, or the first. */
export const currentStage = <T extends Pick<StageProgress, "step">>(
  stages: readonly T[],
): T | undefined => stages.findLast(({ step }) => step > 0) ?? stages[0];

const lower = (a: LossAt, b: LossAt): LossAt => (b.loss < a.loss ? b : a);

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
