import type { ResolvedConfig } from "../../config/index.ts";
import type { Unreadable } from "../../data/dataset.ts";
import { mapConcurrent } from "../../data/map-concurrent.ts";
import { describeReasons } from "../../data/reasons.ts";
import { ImageError, RgbImage } from "../../images/index.ts";
import { EncodingProgress } from "../progress/encoding-progress.ts";
import { stageLimit } from "./checks/stage-limit.ts";
import { type Example, stageExamples, type TrainingData } from "./training-data.ts";

/** Decoded pictures may be large, so only a few are held at once. */
const DECODED_AT_ONCE = 4;

/**
 * Decodes every picture that a run will use, as its stages do before their first step. Returns one sentence for each reason
 * that pictures are left out for; throws UnreadablePicturesError if there are too many.
 */
export async function requireReadable(
  config: ResolvedConfig,
  data: TrainingData,
  say: (line: string) => void,
): Promise<string[]> {
  const lists = config.stages.map((stage) => {
    const { train, heldout } = stageExamples(stage, data);
    const isText = stage.kind === "text-to-image";
    const controls = isText && stage.controlnet?.condition === "given";
    const examples = [...train, ...heldout, ...(isText ? data.prior : [])];
    return { stage, examples, controls };
  });
  const all = [...new Set(lists.flatMap(({ examples }) => examples))];
  const controls = lists.some((list) => list.controls);
  const unreadable = new Map<Example, Unreadable>();
  const progress = new EncodingProgress("Looking at pictures", all.length, { say });
  await mapConcurrent(all, DECODED_AT_ONCE, async (example) => {
    try {
      await RgbImage.decode(await example.read(), { name: example.path });
      const { control } = example;
      if (controls && control !== undefined)
        await RgbImage.decode(await control.read(), { name: control.path });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      unreadable.set(example, { path: error.source, reason: error.reason });
    }
    progress.done(1);
  });
  for (const { stage, examples } of lists)
    stageLimit(config, stage, data).add(
      examples.flatMap((example) => unreadable.get(example) ?? []),
    );
  return describeReasons([...unreadable.values()]).map((line) => `Left out: ${line}`);
}
