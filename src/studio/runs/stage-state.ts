import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import type { EventTail } from "../../training/run-folder/event-tail.ts";
import { currentStage, paceOf, stageProgress } from "../../training/run-folder/stage-progress.ts";
import type { StageState } from "../api-types.ts";

/** The state of all stages of a run. */
export const stageStates = (
  { stages }: Pick<ResolvedConfig, "stages">,
  tail: EventTail,
): StageState[] => stages.map((stage) => ({ kind: stage.kind, ...stageProgress(tail, stage) }));

/** Seconds until all stages are complete, at the speed of the last steps; null before the first. */
export function secondsLeft(
  { stages }: Pick<ResolvedConfig, "stages">,
  all: readonly StageState[],
  tail: EventTail,
): number | null {
  const current = currentStage(all);
  const stage = stages.find(({ name }) => name === current?.stage);
  if (current === undefined || stage === undefined) return null;
  const pace = paceOf(tail, stage.name, "seconds");
  if (pace === null) return null;
  const later = stages.slice(stages.indexOf(stage) + 1);
  const seconds = later.map((each) => (each.steps * pace * workOf(each)) / workOf(stage));
  return (current.steps - current.step) * pace + seconds.reduce((sum, each) => sum + each, 0);
}

/** Pixels per step: the main difference between the stages of a run. */
const workOf = ({ batchSize, gradientAccumulation, resolution }: ResolvedStage): number =>
  batchSize * gradientAccumulation * resolution ** 2;
