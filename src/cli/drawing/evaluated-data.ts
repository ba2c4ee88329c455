import type { ResolvedConfig } from "../../config/index.ts";
import type { CaptionReading } from "../../evaluation/choice/caption-states.ts";
import type { DatasetChoice } from "../../training/dataset/training-data.ts";

type RunDataset = ResolvedConfig["dataset"];

/** Which data set to measure on: a given folder, and which of its things and groups. */
export interface DataOptions {
  readonly data?: string;
  readonly things?: "demo" | number;
  readonly groups?: readonly string[];
}

/**
 * The pictures to measure a model on: those of a given folder, or else all that its run was trained on, read in the same way.
 * Undefined if neither is known.
 * @param own the run's own data set
 */
export function evaluatedData(
  own: RunDataset | undefined,
  { data, ...asked }: DataOptions,
): DatasetChoice | undefined {
  const things = asked.things ?? own?.things ?? null;
  const groups = asked.groups ?? own?.groups ?? null;
  // DreamBooth's class pictures are not measured.
  if (data === undefined) return own && { ...own, things, groups, classFolder: null };
  return {
    folder: data,
    things,
    groups,
    styles: own?.styles ?? null,
    heldoutShare: own?.heldoutShare ?? 0,
  };
}

/** How a run's captions are read in its training. */
export const captionReadingOf = ({
  dataset: { cleanCaptions },
  tokenizer: { maxLength },
}: Pick<ResolvedConfig, "dataset" | "tokenizer">): CaptionReading => ({
  cleanCaption: cleanCaptions,
  maxSequenceLength: maxLength,
});
