import type { ResolvedConfig } from "../../../config/index.ts";
import { UnreadableLimit } from "../../../data/unreadable-limit.ts";
import { stageExamples, type TrainingData } from "../training-data.ts";

/**
 * How many of a stage's pictures may be unreadable, over all its lists. Those that were found when the data set was listed count too
 * if the stage uses all of it; otherwise nothing says which of them it would use.
 */
export function stageLimit(
  { dataset }: Pick<ResolvedConfig, "dataset">,
  stage: ResolvedConfig["stages"][number],
  data: TrainingData,
): UnreadableLimit {
  const { train, heldout } = stageExamples(stage, data);
  const prior = stage.kind === "text-to-image" ? data.prior : [];
  const used = train.length + heldout.length;
  return new UnreadableLimit({
    share: dataset.maxUnreadable,
    pictures: used + prior.length,
    known: used === data.dataset.entries.length ? data.dataset.unreadable : [],
  });
}

/** Throws UnreadablePicturesError if too many of a data set's pictures were found to be unreadable when it was listed. */
export function requireFewUnreadable(
  { dataset: { maxUnreadable } }: Pick<ResolvedConfig, "dataset">,
  { dataset }: Pick<TrainingData, "dataset">,
): void {
  const { entries, unreadable } = dataset;
  new UnreadableLimit({ share: maxUnreadable, pictures: entries.length, known: unreadable }).add(
    [],
  );
}
