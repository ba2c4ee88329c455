import type { ResolvedConfig } from "../../config/index.ts";
import { UnreadablePicturesError } from "../../data/load-pictures.ts";
import { mapConcurrent } from "../../data/map-concurrent.ts";
import { ImageError, RgbImage } from "../../images/index.ts";
import { EncodingProgress } from "../progress/encoding-progress.ts";
import { type Example, stageExamples, type TrainingData } from "./training-data.ts";

/** Decoded pictures may be large, so only a few are held at once. */
const DECODED_AT_ONCE = 4;

/**
 * Decodes every picture that a run will use, as its stages do before their first step. Returns one sentence for each picture that
 * is left out; throws UnreadablePicturesError if there are too many.
 */
export async function requireReadable(
  config: ResolvedConfig,
  data: TrainingData,
  say: (line: string) => void,
): Promise<string[]> {
  const lists = config.stages.flatMap((stage) => {
    const { train, heldout } = stageExamples(stage, data);
    const prior = stage.kind === "text-to-image" ? data.prior : [];
    const controls = stage.kind === "text-to-image" && stage.controlnet?.condition === "given";
    return [train, heldout, prior].map((examples) => ({ examples, controls }));
  });
  const all = [...new Set(lists.flatMap(({ examples }) => examples))];
  const controls = lists.some((list) => list.controls);
  const unreadable = new Map<Example, ImageError>();
  const progress = new EncodingProgress("Looking at pictures", all.length, { say });
  await mapConcurrent(all, DECODED_AT_ONCE, async (example) => {
    try {
      await RgbImage.decode(await example.read(), { name: example.path });
      const { control } = example;
      if (controls && control !== undefined)
        await RgbImage.decode(await control.read(), { name: control.path });
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      unreadable.set(example, error);
    }
    progress.done(1);
  });
  const { maxUnreadable } = config.dataset;
  for (const { examples } of lists) {
    const bad = examples.flatMap((example) => unreadable.get(example) ?? []);
    if (bad.length <= maxUnreadable * examples.length) continue;
    const list = bad.map(({ source, reason }) => ({ path: source, reason }));
    throw new UnreadablePicturesError(list, examples.length, maxUnreadable);
  }
  return [...unreadable.values()].map(({ source, reason }) => `${source} is left out: ${reason}`);
}
