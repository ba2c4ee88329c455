import type { RgbImage } from "../images/index.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { throughAutoencoder } from "./clean-latents.ts";
import { type DrawOptions, drawCaptions } from "./draw-captions.ts";
import type { EfficientNetLite } from "./efficientnet-lite.ts";
import {
  type CaptionedPicture,
  type ChoiceResult,
  type DescribedThing,
  measureChoice,
  TooFewCaptionsError,
} from "./measure-choice.ts";
import { NearestPictures, type NearestRates } from "./nearest-pictures.ts";
import { FeatureCollector } from "./collected-features.ts";
import { psnr } from "./psnr.ts";
import { randomOrder } from "./random-order.ts";
import { type Readable, readPictures } from "./read-pictures.ts";
import type { Label } from "./retrieval.ts";

/** A picture of a data set and what is said of it. */
export interface CaptionedExample extends Readable {
  readonly shortCaption: string;
  readonly thing: string | undefined;
  readonly style: string | undefined;
  readonly group: string | undefined;
}

/** The networks that see what is in pictures, where there are some. */
export interface Networks {
  readonly content?: EfficientNetLite | undefined;
}

/** How a model is measured. */
export interface MeasureOptions {
  readonly drawing: DrawOptions;
  /** Pictures drawn of captions that were trained on, and as many of captions held out. */
  readonly count: number;
  readonly networks?: Networks | undefined;
  /** Hears what could not be measured or read, in sentences. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** What is measured of some captions and their pictures. */
export interface Measured {
  /** Pictures drawn. */
  readonly n: number;
  /** How often the nearest real picture of a drawn one is the right one; undefined where the data don't say thing and style. */
  readonly nearest: NearestRates | undefined;
  /** How often the right one of eight captions was chosen for a real picture; undefined where there are fewer. */
  readonly choice: ChoiceResult | undefined;
  /** The real pictures themselves through the autoencoder: no drawn picture is better. */
  readonly autoencoder: {
    /** In dB. */
    readonly psnr: number;
    readonly nearest: NearestRates | undefined;
  };
}

/** Captions that were trained on, and captions that were not. */
export interface Evaluation {
  readonly seen: Measured;
  readonly heldout: Measured | undefined;
}

/** What takes all captions of a side, or all its pictures, is measured on so many at most. */
const REAL_PICTURES = 200;

/**
 * Measures a model on a data set: what it draws from its captions, and what it makes of its pictures. Where pictures say what they
 * are of, those that don't are left out.
 */
export async function measureModel(
  pipe: PixArtAlphaPipeline,
  data: Readonly<Record<"train" | "heldout", readonly CaptionedExample[]>>,
  options: MeasureOptions,
): Promise<Evaluation> {
  const captioned = [...data.train, ...data.heldout];
  const labelled = captioned.filter(isLabelled);
  const isUsed = labelled.length === 0 ? () => true : isLabelled;
  const known = await knownPictures(labelled, options);
  const others = captioned.filter(isUsed).map(described);
  const measure = (examples: readonly CaptionedExample[]): Promise<Measured> =>
    measureCaptions(pipe, choose(examples, options), { ...options, known, others });
  const heldout = data.heldout.filter(isUsed);
  return {
    seen: await measure(data.train.filter(isUsed)),
    heldout: heldout.length === 0 ? undefined : await measure(heldout),
  };
}

/** Whether it says what it is of. */
const isLabelled = (example: CaptionedExample): example is CaptionedExample & Label =>
  example.thing !== undefined && example.style !== undefined;

const described = ({ shortCaption: caption, thing, style }: CaptionedExample): DescribedThing => ({
  caption,
  thing,
  style,
});

/** Some examples, which `seed` chooses. */
function choose(
  examples: readonly CaptionedExample[],
  { count, drawing }: MeasureOptions,
): CaptionedExample[] {
  const order = randomOrder(examples.length, torch.stream(drawing.seed, "evaluate", 0));
  return order.slice(0, count).flatMap((i) => examples[i] ?? []);
}

/** All real pictures that say what they are of; undefined where there are none. */
async function knownPictures(
  examples: readonly (CaptionedExample & Label)[],
  { drawing, networks, onNote }: MeasureOptions,
): Promise<NearestPictures | undefined> {
  const rows = new FeatureCollector(networks?.content);
  const labels: Label[] = [];
  for await (const { entries, images, unreadable } of readPictures(examples, drawing.size)) {
    for (const { path, reason } of unreadable) onNote?.(`Left out: ${path}: ${reason}`);
    labels.push(...entries);
    await rows.add(images);
  }
  return labels.length === 0 ? undefined : new NearestPictures(labels, rows.features);
}

interface MeasuredAgainst extends MeasureOptions {
  readonly known: NearestPictures | undefined;
  /** What wrong captions are taken from. */
  readonly others: readonly DescribedThing[];
}

async function measureCaptions(
  pipe: PixArtAlphaPipeline,
  chosen: readonly CaptionedExample[],
  { known, others, networks, drawing, onNote }: MeasuredAgainst,
): Promise<Measured> {
  const drawn = new FeatureCollector(networks?.content);
  const captions = chosen.map(({ shortCaption }) => shortCaption);
  for await (const images of drawCaptions(pipe, captions, drawing)) await drawn.add(images);

  const [real, entries]: [RgbImage[], CaptionedExample[]] = [[], []];
  const encoded: RgbImage[] = [];
  const encodedRows = new FeatureCollector(networks?.content);
  for await (const some of readPictures(chosen.slice(0, REAL_PICTURES), drawing.size)) {
    real.push(...some.images);
    entries.push(...some.entries);
    const again = await throughAutoencoder(pipe, some.images);
    encoded.push(...again);
    await encodedRows.add(again);
  }
  const pictures = entries.map((entry, i) => ({ ...described(entry), image: real[i] as RgbImage }));
  return {
    n: chosen.length,
    nearest: nearestOf(known, chosen, drawn),
    choice: await choiceOf(pipe, pictures, others, { seed: drawing.seed, onNote }),
    autoencoder: { psnr: psnr(encoded, real), nearest: nearestOf(known, entries, encodedRows) },
  };
}

const nearestOf = (
  known: NearestPictures | undefined,
  examples: readonly CaptionedExample[],
  { features }: FeatureCollector,
): NearestRates | undefined => known?.rates(examples.filter(isLabelled), features);

/** Undefined where there are too few captions to choose from. */
async function choiceOf(
  pipe: PixArtAlphaPipeline,
  pictures: readonly CaptionedPicture[],
  others: readonly DescribedThing[],
  { seed, onNote }: Pick<DrawOptions, "seed"> & Pick<MeasureOptions, "onNote">,
): Promise<ChoiceResult | undefined> {
  try {
    return await measureChoice(pipe, pictures, others, { seed });
  } catch (error) {
    if (!(error instanceof TooFewCaptionsError)) throw error;
    onNote?.(`Without a choice of captions: ${error.message}`);
    return undefined;
  }
}
