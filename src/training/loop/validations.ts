import type { ResolvedStage } from "../../config/index.ts";
import type { StageTask } from "../contract/stage-task.ts";

/** The fields of a stage that decide when it validates. */
export type ValidatedStage = Pick<
  ResolvedStage,
  "steps" | "checkpointEvery" | "keepBest" | "validateEvery" | "validationSamples"
>;

/** Whether a stage's checkpoints need a held-out loss, because the best one is kept. */
export const keepsBest = (
  { keepBest, validateEvery, validationSamples }: ValidatedStage,
  { heldout }: StageTask["counts"],
): boolean => keepBest && validateEvery !== null && validationSamples > 0 && heldout > 0;

/**
 * Whether a stage validates when it is due: at the end of a stage without `validateEvery`, measuring training pictures alone tells
 * little and may take hours.
 */
export const validates = (
  { validateEvery, validationSamples }: ValidatedStage,
  { heldout }: StageTask["counts"],
): boolean => validationSamples > 0 && (validateEvery !== null || heldout > 0);

/** How often a whole stage validates. */
export function validationsOf(stage: ValidatedStage, counts: StageTask["counts"]): number {
  if (!validates(stage, counts)) return 0;
  const { steps, checkpointEvery, validateEvery } = stage;
  const intervals = [
    steps,
    ...(validateEvery === null ? [] : [validateEvery]),
    ...(keepsBest(stage, counts) ? [checkpointEvery] : []),
  ];
  return new Set(
    intervals.flatMap((every) =>
      Array.from({ length: Math.floor(steps / every) }, (_, i) => (i + 1) * every),
    ),
  ).size;
}
