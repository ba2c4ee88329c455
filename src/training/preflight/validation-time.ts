import type { ResolvedStage } from "../../config/index.ts";
import type { StageTask } from "../contract/stage-task.ts";
import { type ValidatedStage, validationsOf } from "../loop/validations.ts";

/** A stage, as far as the time of its validations depends on it. */
export type TimedStage = ValidatedStage & Pick<ResolvedStage, "batchSize" | "gradientAccumulation">;

/**
 * A pass without gradients takes at most this share of one with them: a third of it if all weights are trained, half if only an
 * adapter is, and less with gradient checkpointing.
 */
const PASS_SHARE = 0.5;

const splitsOf = ({ train, heldout }: StageTask["counts"]): number =>
  [train, heldout].filter((count) => count > 0).length;

/**
 * The most that all validations of a stage take, in seconds.
 * @param counts      of the stage's pictures
 * @param stepSeconds of one process's step
 */
export function validationSeconds(
  stage: TimedStage,
  counts: StageTask["counts"],
  stepSeconds: number,
): number {
  const { batchSize, gradientAccumulation, validationSamples } = stage;
  const batches = Math.ceil(validationSamples / batchSize) * splitsOf(counts);
  const batchSeconds = (PASS_SHARE * stepSeconds) / gradientAccumulation;
  return validationsOf(stage, counts) * batches * batchSeconds;
}
