import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { FeatureCollector } from "./collected-features.ts";
import { randomOrder } from "./distances/random-order.ts";
import type { Label } from "./distances/retrieval.ts";
import type { DrawOptions } from "./draw-captions.ts";
import {
  type CaptionedExample,
  described,
  isLabelled,
  type Judges,
  type Measured,
  measureCaptions,
  type Networks,
  noteUnreadable,
} from "./measure-captions.ts";
import { NearestPictures } from "./nearest-pictures.ts";
import { readPictures } from "./read-pictures.ts";

/** Options of {@link measureModel}. */
export interface MeasureOptions {
  readonly drawing: DrawOptions;
  /** Number of pictures drawn of captions that were trained on, and of held-out captions. */
  readonly count: number;
  readonly networks?: Networks | undefined;
  /** Called with sentences about what could not be measured or read. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** Results for captions that were trained on, and for those that were not; undefined if there are none. */
export interface Evaluation {
  readonly seen: Measured | undefined;
  readonly heldout: Measured | undefined;
}

/**
 * Measures a model on a data set: what it draws from its captions, and how it denoises its pictures. If some pictures are
 * labelled, the others are skipped.
 */
export async function measureModel(
  pipe: PixArtAlphaPipeline,
  data: Readonly<Record<"train" | "heldout", readonly CaptionedExample[]>>,
  { drawing, count, networks = {}, onNote = () => {} }: MeasureOptions,
): Promise<Evaluation> {
  const captioned = [...data.train, ...data.heldout];
  const labelled = captioned.filter(isLabelled);
  const isUsed = labelled.length === 0 ? () => true : isLabelled;
  const judges: Judges = {
    networks,
    known: await knownPictures(labelled, drawing.size, { networks, onNote }),
    others: captioned.filter(isUsed).map(described),
    onNote,
  };
  const order = (length: number): number[] =>
    randomOrder(length, torch.stream(drawing.seed, "evaluate", 0));
  const measure = async (all: readonly CaptionedExample[]): Promise<Measured | undefined> => {
    const examples = all.filter(isUsed);
    if (examples.length === 0) return undefined;
    const chosen = order(examples.length).slice(0, count);
    return measureCaptions(
      pipe,
      chosen.flatMap((i) => examples[i] ?? []),
      drawing,
      judges,
    );
  };
  return { seen: await measure(data.train), heldout: await measure(data.heldout) };
}

/** All labelled real pictures; undefined if there are none. */
async function knownPictures(
  examples: readonly (CaptionedExample & Label)[],
  size: number,
  { networks, onNote }: Pick<Judges, "networks" | "onNote">,
): Promise<NearestPictures | undefined> {
  const seen = new FeatureCollector({ content: networks.content });
  const labels: Label[] = [];
  for await (const { entries, images, unreadable } of readPictures(examples, size)) {
    noteUnreadable(unreadable, onNote);
    labels.push(...entries);
    await seen.add(images);
  }
  return labels.length === 0 ? undefined : new NearestPictures(labels, seen.features);
}
