import { throughAutoencoder } from "../evaluation/clean-latents.ts";
import { centred, contentFeatures } from "../evaluation/content-features.ts";
import { drawPairs, type PromptPair } from "../evaluation/draw-pairs.ts";
import { EfficientNetLite } from "../evaluation/efficientnet-lite.ts";
import { isLabelled, labelledPictures } from "../evaluation/labelled-pictures.ts";
import {
  type CaptionedPicture,
  type ChoiceResult,
  type DescribedThing,
  measureChoice,
  TooFewCaptionsError,
} from "../evaluation/measure-choice.ts";
import { psnr } from "../evaluation/psnr.ts";
import { randomOrder } from "../evaluation/random-order.ts";
import {
  averagedDown,
  type FeatureRows,
  type Label,
  type LabelledImage,
  type RetrievalResult,
  retrievalByRows,
} from "../evaluation/retrieval.ts";
import type { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import { type DatasetChoice, type Example, loadTrainingData } from "../training/training-data.ts";
import {
  drawingDevice,
  type LoadedPipeline,
  loadPipeline,
  type PipelineChanges,
} from "./load-pipeline.ts";
import { say } from "./talk.ts";
import { UsageError } from "./usage-error.ts";

/** Options of `pixart evaluate`. */
export interface EvaluateOptions extends Pick<PipelineChanges, "revision"> {
  readonly device: string;
  readonly data?: string;
  readonly things?: "demo" | number;
  readonly count: number;
  readonly steps: number;
  readonly guidance: number;
  readonly seed: number;
  readonly features?: string;
  readonly json?: boolean;
}

/** What is measured of some pairs. */
interface Measured extends RetrievalResult {
  /** The same by what a network sees in pictures, where there is one. */
  readonly content?: RetrievalResult | undefined;
  /** How often the right one of eight captions was chosen for a real picture; left out where there are fewer. */
  readonly choice?: ChoiceResult | undefined;
  /** The real pictures themselves through the autoencoder: no drawn picture is better. */
  readonly autoencoder: {
    /** In dB. */
    readonly psnr: number;
    readonly pixels: RetrievalResult;
    readonly content?: RetrievalResult | undefined;
  };
}

/** Rates for pairs that were trained on, and for pairs whose thing and style were seen apart only. */
export interface Evaluation {
  readonly seen: Measured;
  readonly heldout: Measured | undefined;
}

type Described = Example & Label;

const pairOf = ({ shortCaption, thing, style }: Described): PromptPair => ({
  prompt: shortCaption,
  thing,
  style,
});

function choose(examples: readonly Described[], count: number, seed: number): Described[] {
  const order = randomOrder(examples.length, torch.stream(seed, "evaluate", 0));
  return order.slice(0, count).flatMap((i) => examples[i] ?? []);
}

const imagesOf = (pictures: readonly LabelledImage[]): RgbImage[] =>
  pictures.map(({ image }) => image);

/** Finds the nearest real pictures: by their pixels, and by what a network sees where there is one. */
class Nearest {
  readonly #references: readonly LabelledImage[];
  readonly #pixels: FeatureRows;
  readonly #network: EfficientNetLite | undefined;
  /** Of the real pictures: as the network gives them, and to be compared with. */
  #content: { readonly raw: Float32Array[]; readonly known: FeatureRows } | undefined;

  constructor(references: readonly LabelledImage[], network: EfficientNetLite | undefined) {
    this.#references = references;
    this.#pixels = { labels: references, rows: imagesOf(references).map(averagedDown) };
    this.#network = network;
  }

  pixels(pictures: readonly LabelledImage[]): RetrievalResult {
    const rows = imagesOf(pictures).map(averagedDown);
    return retrievalByRows({ labels: pictures, rows }, this.#pixels);
  }

  async content(pictures: readonly LabelledImage[]): Promise<RetrievalResult | undefined> {
    const network = this.#network;
    if (network === undefined) return undefined;
    if (this.#content === undefined) {
      const raw = await contentFeatures(network, imagesOf(this.#references));
      this.#content = { raw, known: { labels: this.#references, rows: centred(raw, raw) } };
    }
    const { raw, known } = this.#content;
    const rows = centred(await contentFeatures(network, imagesOf(pictures)), raw);
    return retrievalByRows({ labels: pictures, rows }, known);
  }
}

/** Measures a pipeline on a data set, as `pixart evaluate` and the demo do. */
export async function evaluate(
  { pipe, run }: LoadedPipeline,
  dataset: DatasetChoice,
  options: Pick<EvaluateOptions, "count" | "steps" | "guidance" | "seed">,
  network?: EfficientNetLite,
): Promise<Evaluation> {
  const data = await loadTrainingData(dataset);
  const train = data.train.filter(isLabelled);
  const heldout = data.heldout.filter(isLabelled);
  if (train.length === 0) {
    throw new Error(
      `Expected "thing" and "style" columns in the metadata.jsonl of ${data.dataset.location} to measure with, but found none`,
    );
  }
  const size =
    run?.stage.resolution ??
    pipe.transformer.config.sampleSize * 2 ** (pipe.vae.config.blockOutChannels.length - 1);
  const all = [...train, ...heldout];
  const known = await labelledPictures(all, size);
  const nearest = new Nearest(known, network);
  const captions = all.map(captionOf);
  const { steps, guidance: guidanceScale, seed, count } = options;
  const measure = async (pairs: readonly Described[]): Promise<Measured> => {
    const real = pairs.map((pair): CaptionedPicture & LabelledImage => {
      const own = known[all.indexOf(pair)] as LabelledImage;
      return { ...own, ...captionOf(pair) };
    });
    const drawing = { steps, guidanceScale, seed, size };
    const drawn = await drawPairs(pipe, pairs.map(pairOf), drawing);
    const images = imagesOf(real);
    const again = await throughAutoencoder(pipe, images);
    const coded = real.map((picture, i) => ({ ...picture, image: again[i] as RgbImage }));
    return {
      ...nearest.pixels(drawn),
      content: await nearest.content(drawn),
      choice: await choiceOf(pipe, real, captions, seed),
      autoencoder: {
        psnr: psnr(again, images),
        pixels: nearest.pixels(coded),
        content: await nearest.content(coded),
      },
    };
  };
  return {
    seen: await measure(choose(train, count, seed)),
    heldout: heldout.length === 0 ? undefined : await measure(choose(heldout, count, seed)),
  };
}

const captionOf = ({ shortCaption: caption, thing, style }: Described): DescribedThing & Label => ({
  caption,
  thing,
  style,
});

async function choiceOf(
  pipe: LoadedPipeline["pipe"],
  pictures: readonly CaptionedPicture[],
  captions: readonly DescribedThing[],
  seed: number,
): Promise<ChoiceResult | undefined> {
  try {
    return await measureChoice(pipe, pictures, captions, { seed });
  } catch (error) {
    if (!(error instanceof TooFewCaptionsError)) throw error;
    say(`Without a choice of captions: ${error.message}`);
    return undefined;
  }
}

const percent = (rate: number | undefined): string =>
  rate === undefined ? "" : `${(100 * rate).toFixed(1)} %`;

/** The rates as a small table. */
export function describeEvaluation({ seen, heldout }: Evaluation): string {
  const cells = (name: string, ...values: readonly string[]): string =>
    [name.padEnd(28), ...values.map((value) => value.padStart(8))].join(" ").trimEnd();
  const line = (name: string, found: RetrievalResult | undefined, ...more: string[]): string[] => {
    if (found === undefined) return [];
    const { thingRate, thingOfFiveRate, styleRate, bothRate } = found;
    const rates = [thingRate, thingOfFiveRate, styleRate, bothRate].map(percent);
    return [cells(name, ...rates, ...more)];
  };
  const lines = (name: string, found: Measured): string[] => [
    ...line(name, found, `${percent(found.choice?.rate)}`),
    ...line("  by content", found.content),
    ...line("  real ones, encoded", found.autoencoder.pixels),
    ...line("    by content", found.autoencoder.content),
  ];
  const { thing, style } = seen.chance;
  const told = [
    `${seen.n} pictures of pairs trained on`,
    ...(heldout ? [`${heldout.n} held out`] : []),
  ];
  const quality = [seen, ...(heldout ? [heldout] : [])]
    .map(({ autoencoder }) => `${autoencoder.psnr.toFixed(1)} dB`)
    .join(" and ");
  return [
    cells("nearest picture shows the", "thing", "of five", "style", "both", "1 of 8"),
    ...lines("pairs trained on", seen),
    ...(heldout === undefined ? [] : lines("pairs held out", heldout)),
    cells("by chance", percent(thing), "", percent(style), "", percent(seen.choice?.chance)),
    `${told.join(", ")}; the autoencoder keeps ${quality} of real ones`,
  ].join("\n");
}

/** `pixart evaluate MODEL` */
export async function evaluateCommand(model: string, options: EvaluateOptions): Promise<void> {
  const { revision } = options;
  const device = drawingDevice(options.device, {});
  const loaded = await loadPipeline(model, {
    device,
    ...(revision !== undefined && { revision }),
  });
  const own = loaded.run?.config.dataset;
  const folder = options.data ?? own?.folder;
  if (folder === undefined)
    throw new UsageError(
      "Expected --data with the folder that `pixart dataset emoji` made: a published model does not say what it was trained on",
    );
  const dataset: DatasetChoice = {
    folder,
    things: options.things === "demo" ? "demo" : (options.things ?? own?.things ?? null),
    styles: own?.styles ?? null,
    heldoutShare: own?.heldoutShare ?? 0,
  };
  const start = performance.now();
  const { features } = options;
  using network = features === undefined ? undefined : EfficientNetLite.fromFile(features);
  const result = await evaluate(loaded, dataset, options, network);
  say(`Measured in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  process.stdout.write(`${options.json ? JSON.stringify(result) : describeEvaluation(result)}\n`);
}
