import type { Unreadable } from "../data/dataset.ts";
import type { RgbImage } from "../images/index.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import { throughAutoencoder } from "./choice/clean-latents.ts";
import {
  type CaptionedPicture,
  type ChoiceOptions,
  type ChoiceResult,
  type DescribedThing,
  measureChoice,
  TooFewCaptionsError,
} from "./choice/measure-choice.ts";
import { type CLIP, type CLIPScore, clipScore, clipScoreOf } from "./clip-score.ts";
import {
  type CollectedFeatures,
  FeatureCollector,
  type PictureNetworks,
} from "./collected-features.ts";
import { type FrechetResult, frechetDistance } from "./distances/frechet-distance.ts";
import { type KernelDistanceResult, kernelDistance } from "./distances/kernel-distance.ts";
import { psnr } from "./distances/psnr.ts";
import type { Label } from "./distances/retrieval.ts";
import { type DrawOptions, drawCaptions } from "./draw-captions.ts";
import type { NearestPictures, NearestRates } from "./nearest-pictures.ts";
import { type Readable, readPictures } from "./read-pictures.ts";

/** A picture of a data set and its description. */
export interface CaptionedExample extends Readable {
  readonly shortCaption: string;
  readonly thing: string | undefined;
  readonly style: string | undefined;
  readonly group: string | undefined;
}

/** The available networks for measuring. */
export interface Networks extends PictureNetworks {
  /** For how well pictures match their captions. */
  readonly clip?: CLIP | undefined;
}

/** What drawn pictures are compared with, and how. */
export interface Judges {
  readonly networks: Networks;
  /** All real pictures, if they are labelled. */
  readonly known: NearestPictures | undefined;
  /** Source of wrong captions. */
  readonly others: readonly DescribedThing[];
  /** Called with sentences about what could not be measured or read. */
  readonly onNote: (note: string) => void;
}

/** Measurements of some captions and their pictures. */
export interface Measured {
  /** Number of drawn pictures. */
  readonly n: number;
  /** How often the nearest real picture of a drawn one is the right one; undefined if the data have no thing and style. */
  readonly nearest: NearestRates | undefined;
  /** How often the right one of eight captions was chosen for a real picture; undefined if there are fewer. */
  readonly choice: ChoiceResult | undefined;
  /** FID between the drawn pictures and the real ones of the same captions; undefined without Inception. */
  readonly frechetDistance: FrechetResult | undefined;
  /** The kernel distance between them: KID with Inception, over content features without; undefined with neither. */
  readonly kernelDistance: KernelDistanceResult | undefined;
  /** How well they match their captions; undefined without CLIP. */
  readonly clipScore: CLIPScore | undefined;
  /**
   * The real pictures themselves through the autoencoder: no drawn picture can be better. Undefined if none of them could be
   * read.
   */
  readonly autoencoder:
    | {
        /** In dB. */
        readonly psnr: number;
        readonly nearest: NearestRates | undefined;
      }
    | undefined;
}

/** Most real pictures to encode and to choose captions for. */
const REAL_PICTURES = 200;

/** Whether it is labelled with a thing and a style. */
export const isLabelled = (example: CaptionedExample): example is CaptionedExample & Label =>
  example.thing !== undefined && example.style !== undefined;

/** The description of an example for {@link measureChoice}. */
export const described = ({
  shortCaption: caption,
  thing,
  style,
}: CaptionedExample): DescribedThing => ({ caption, thing, style });

/** Draws pictures of captions and compares them with the real ones. */
export async function measureCaptions(
  pipe: PixArtAlphaPipeline,
  examples: readonly CaptionedExample[],
  drawing: DrawOptions,
  judges: Judges,
): Promise<Measured> {
  const { networks, known, others, onNote } = judges;
  const captions = examples.map(({ shortCaption }) => shortCaption);
  const drawn = await drawAndSee(pipe, captions, drawing, networks);
  const real = await seeReal(pipe, examples, drawing.size, judges);
  const choice = { seed: drawing.seed, reading: drawing.reading, onNote };
  return {
    n: examples.length,
    nearest: known?.rates(examples.filter(isLabelled), drawn.features),
    choice: await choiceOf(pipe, real.pictures, others, choice),
    ...distances(drawn.features, real.features),
    clipScore: drawn.clipScore,
    autoencoder: real.autoencoder,
  };
}

/** Features of drawn pictures, and how well they match their captions. */
export async function drawAndSee(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
  drawing: DrawOptions,
  networks: Networks,
): Promise<{ readonly features: CollectedFeatures; readonly clipScore: CLIPScore | undefined }> {
  const drawn = new FeatureCollector(networks);
  const scores: number[] = [];
  let truncated = 0;
  let done = 0;
  for await (const images of drawCaptions(pipe, captions, drawing)) {
    await drawn.add(images);
    const own = captions.slice(done, done + images.length);
    done += images.length;
    if (networks.clip === undefined) continue;
    const found = await clipScore(networks.clip, images, own);
    scores.push(...found.scores);
    truncated += found.truncated;
  }
  return {
    features: drawn.features,
    clipScore: networks.clip && clipScoreOf(scores, truncated),
  };
}

/** Reports which pictures are skipped. */
export function noteUnreadable(unreadable: readonly Unreadable[], onNote: Judges["onNote"]): void {
  for (const { path, reason } of unreadable) onNote(`Left out: ${path}: ${reason}`);
}

interface RealPictures extends Pick<Measured, "autoencoder"> {
  readonly features: CollectedFeatures;
  /** A part of them. */
  readonly pictures: readonly CaptionedPicture[];
}

/** Features of the real pictures, and the autoencoder's results for some. */
async function seeReal(
  pipe: PixArtAlphaPipeline,
  examples: readonly CaptionedExample[],
  size: number,
  { networks, known, onNote }: Judges,
): Promise<RealPictures> {
  const judge = distanceNetwork(networks);
  const seen = new FeatureCollector(judge);
  const encodedSeen = new FeatureCollector({ content: networks.content });
  const pictures: (CaptionedPicture & { readonly example: CaptionedExample })[] = [];
  const encoded: RgbImage[] = [];
  const read = judge === undefined ? examples.slice(0, REAL_PICTURES) : examples;
  for await (const { entries, images, unreadable } of readPictures(read, size)) {
    // If all pictures were read before, this was already reported.
    if (known === undefined) noteUnreadable(unreadable, onNote);
    await seen.add(images);
    const some = images.slice(0, Math.max(0, REAL_PICTURES - pictures.length));
    if (some.length === 0) continue;
    const again = await throughAutoencoder(pipe, some);
    encoded.push(...again);
    await encodedSeen.add(again);
    for (const [i, image] of some.entries()) {
      const example = entries[i] as CaptionedExample;
      pictures.push({ ...described(example), image, example });
    }
  }
  const { features } = seen;
  if (pictures.length === 0) {
    onNote(`Without real pictures: none of ${read.length} could be read`);
    return { features, pictures, autoencoder: undefined };
  }
  const labels = pictures.map(({ example }) => example).filter(isLabelled);
  const originals = pictures.map(({ image }) => image);
  const nearest = known?.rates(labels, encodedSeen.features);
  return { features, pictures, autoencoder: { psnr: psnr(encoded, originals), nearest } };
}

/** The network for distances between drawn and real pictures: Inception if available. */
function distanceNetwork({ content, inception }: PictureNetworks): PictureNetworks | undefined {
  if (inception !== undefined) return { inception };
  return content && { content };
}

/** Distances of drawn pictures from real ones, if networks are available and there are at least two. */
function distances(
  drawn: CollectedFeatures,
  real: CollectedFeatures,
): Pick<Measured, "frechetDistance" | "kernelDistance"> {
  const isEnough = Math.min(drawn.pixels.length, real.pixels.length) > 1;
  const [own, other] = drawn.inception
    ? [drawn.inception, real.inception]
    : [drawn.content, real.content];
  return {
    frechetDistance:
      drawn.inception && real.inception && isEnough
        ? frechetDistance(drawn.inception, real.inception)
        : undefined,
    kernelDistance: own && other && isEnough ? kernelDistance(own, other) : undefined,
  };
}

/** Undefined if there are no pictures, or too few captions to choose from. */
async function choiceOf(
  pipe: PixArtAlphaPipeline,
  pictures: readonly CaptionedPicture[],
  others: readonly DescribedThing[],
  { onNote, ...options }: ChoiceOptions & Pick<Judges, "onNote">,
): Promise<ChoiceResult | undefined> {
  if (pictures.length === 0) return undefined;
  try {
    return await measureChoice(pipe, pictures, others, options);
  } catch (error) {
    if (!(error instanceof TooFewCaptionsError)) throw error;
    onNote(`Without a choice of captions: ${error.message}`);
    return undefined;
  }
}
