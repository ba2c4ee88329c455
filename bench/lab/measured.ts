import {
  type CaptionedPicture,
  chooseCaptions,
  type DescribedThing,
} from "../../src/evaluation/choice/measure-choice.ts";
import { FeatureCollector } from "../../src/evaluation/collected-features.ts";
import { NearestPictures } from "../../src/evaluation/nearest-pictures.ts";
import { EfficientNetLite } from "../../src/evaluation/networks/efficientnet-lite.ts";
import { readPictures } from "../../src/evaluation/read-pictures.ts";
import type { RgbImage } from "../../src/images/index.ts";
import type { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { loadTrainingData } from "../../src/training/dataset/training-data.ts";
import { mean } from "../measure.ts";
import { measureErrors } from "./measure-errors.ts";
import type { LabOptions } from "./options.ts";
import type { Pair } from "./pairs.ts";
import { dataFolder } from "./prepare.ts";

/** Side at which all are measured, whatever they were trained at. */
export const SIDE = 64;
/** Noise levels of the errors, as log(α²/σ²). */
export const LOG_SNRS = [-5, -3, -1, 1, 3] as const;
/** Prompts of a strip, all of held-out pairs. */
const STRIP = 8;
const DRAWING = { numInferenceSteps: 10, guidanceScale: 3, seed: 0 } as const;

/** What is measured at a point of a run. */
export interface Measured {
  /** For each pair of the lab's split 1 where its own short caption was chosen of eight. */
  readonly right: readonly number[];
  /** Of the picture found, at each of {@link LOG_SNRS}, in the mean over the same pairs under their short captions. */
  readonly errors: readonly number[];
  /** Share of these pairs whose drawn picture is nearest to one of the thing; left out where no network sees that. */
  readonly content?: number;
}

/** What is measured beside that at a run's end. */
export interface MeasuredAtEnd {
  /** As `right`, under dense captions. */
  readonly rightDense: readonly number[];
  /** As `right`, of the pairs of the other split. */
  readonly rightOther: readonly number[];
}

/** Pictures in a row. */
export interface Strip {
  readonly prompts: readonly string[];
  readonly real: readonly RgbImage[];
  readonly drawn: readonly RgbImage[];
}

type RealPair = Pair & CaptionedPicture;

/** What sees the content of pictures, and the real ones as it sees them. */
interface ContentJudge {
  readonly network: EfficientNetLite;
  readonly known: NearestPictures;
}

/** Measures pipelines on a lab's pairs, always with the same noise. */
export class Measure {
  readonly #options: LabOptions;
  readonly #pairs: readonly Pair[];
  readonly #real: readonly RealPair[];
  readonly #content: ContentJudge | undefined;

  private constructor(
    options: LabOptions,
    pairs: readonly Pair[],
    real: readonly RealPair[],
    content: ContentJudge | undefined,
  ) {
    this.#options = options;
    this.#pairs = pairs;
    this.#real = real;
    this.#content = content;
  }

  /** Loads the pictures that a lab keeps from training; all where a network looks for the nearest. */
  static async open(folder: string, pairs: readonly Pair[], options: LabOptions): Promise<Measure> {
    const choice = { folder: dataFolder(folder, "own"), things: null, styles: null };
    const { train, heldout } = await loadTrainingData(choice);
    const { features } = options;
    const network = features === null ? undefined : EfficientNetLite.fromFile(features);
    const seen = new FeatureCollector({ content: network });
    const real: RealPair[] = [];
    const examples = [...heldout, ...(network === undefined ? [] : train)];
    for await (const { entries, images } of readPictures(examples, SIDE)) {
      const known = entries.flatMap(({ file }, i): RealPair[] => {
        const pair = pairs.find(({ file_name }) => file_name === file);
        return pair === undefined
          ? []
          : [{ ...pair, image: images[i] as RgbImage, caption: pair.text }];
      });
      real.push(...known);
      await seen.add(known.map(({ image }) => image));
    }
    const content = network && { network, known: new NearestPictures(real, seen.features) };
    return new Measure(options, pairs, real, content);
  }

  #of(split: Pair["split"]): RealPair[] {
    return this.#real.filter((pair) => pair.split === split);
  }

  async #right(
    pipe: PixArtAlphaPipeline,
    split: Pair["split"],
    captionOf: (pair: Pair) => string,
  ): Promise<number[]> {
    const described = <Of extends Pair>(pair: Of): Of & DescribedThing => ({
      ...pair,
      caption: captionOf(pair),
    });
    const { precision } = this.#options;
    const chosen = await chooseCaptions(
      pipe,
      this.#of(split).map(described),
      this.#pairs.map(described),
      { precision },
    );
    return chosen.map(Number);
  }

  /** At a point of a run. */
  async of(pipe: PixArtAlphaPipeline): Promise<Measured> {
    const { split, precision } = this.#options;
    const pairs = this.#of(split);
    const noise = { logSnrs: LOG_SNRS, noises: 1, seed: 0, precision };
    const errors = await measureErrors(pipe, pairs, noise);
    const measured = {
      right: await this.#right(pipe, split, ({ text }) => text),
      errors: errors.map((level) => mean([...level])),
    };
    if (this.#content === undefined) return measured;
    const { network, known } = this.#content;
    const drawn = new FeatureCollector({ content: network });
    await drawn.add(await draw(pipe, pairs));
    return { ...measured, content: known.rates(pairs, drawn.features).content?.thingRate ?? 0 };
  }

  /** At its end. */
  async atEnd(pipe: PixArtAlphaPipeline): Promise<MeasuredAtEnd> {
    const { split } = this.#options;
    const other = split === "heldout" ? "validation" : "heldout";
    return {
      rightDense: await this.#right(pipe, split, ({ dense_text }) => dense_text),
      rightOther: await this.#right(pipe, other, ({ text }) => text),
    };
  }

  /** Of the first held-out pairs: captions, real pictures, and drawn ones. */
  async strip(pipe: PixArtAlphaPipeline): Promise<Strip> {
    const shown = this.#of("heldout").slice(0, STRIP);
    return {
      prompts: shown.map(({ text }) => text),
      real: shown.map(({ image }) => image),
      drawn: await draw(pipe, shown),
    };
  }
}

/** Pictures of pairs' short captions. */
async function draw(pipe: PixArtAlphaPipeline, pairs: readonly Pair[]): Promise<RgbImage[]> {
  const { images } = await pipe(
    pairs.map(({ text }) => text),
    { ...DRAWING, width: SIDE, height: SIDE, useResolutionBinning: false, cleanCaption: false },
  );
  return [...images];
}
