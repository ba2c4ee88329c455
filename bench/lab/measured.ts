import { isLabelled, labelledPictures } from "../../src/evaluation/labelled-pictures.ts";
import {
  type CaptionedPicture,
  chooseCaptions,
  type DescribedThing,
} from "../../src/evaluation/measure-choice.ts";
import { measureErrors } from "../../src/evaluation/measure-errors.ts";
import type { RgbImage } from "../../src/images/index.ts";
import type { PixArtAlphaPipeline } from "../../src/pipelines/index.ts";
import { loadTrainingData } from "../../src/training/training-data.ts";
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
  /** For each held-out pair 1 where its own short caption was chosen of eight. */
  readonly right: readonly number[];
  /** Of the picture found, at each of {@link LOG_SNRS}, in the mean over held-out pairs under their short captions. */
  readonly errors: readonly number[];
}

/** What is measured beside that at a run's end. */
export interface MeasuredAtEnd {
  /** As `right`, under dense captions. */
  readonly rightDense: readonly number[];
  /** As `right`, of the pairs that settings are chosen on. */
  readonly rightValidation: readonly number[];
}

/** Pictures in a row. */
export interface Strip {
  readonly prompts: readonly string[];
  readonly real: readonly RgbImage[];
  readonly drawn: readonly RgbImage[];
}

type RealPair = Pair & CaptionedPicture;

/** Measures pipelines on a lab's pairs, always with the same noise. */
export class Measure {
  readonly #pairs: readonly Pair[];
  readonly #real: readonly RealPair[];
  readonly #precision: "float32" | "bfloat16";

  private constructor(
    pairs: readonly Pair[],
    real: readonly RealPair[],
    precision: "float32" | "bfloat16",
  ) {
    this.#pairs = pairs;
    this.#real = real;
    this.#precision = precision;
  }

  /** Loads the pictures that a lab keeps from training. */
  static async open(
    folder: string,
    pairs: readonly Pair[],
    precision: "float32" | "bfloat16",
  ): Promise<Measure> {
    const choice = { folder: dataFolder(folder, "own"), things: null, styles: null };
    const examples = (await loadTrainingData(choice)).heldout.filter(isLabelled);
    const images = await labelledPictures(examples, SIDE);
    const real = examples.flatMap(({ file }, i): RealPair[] => {
      const pair = pairs.find(({ file_name }) => file_name === file);
      const image = images[i]?.image;
      return pair === undefined || image === undefined
        ? []
        : [{ ...pair, image, caption: pair.text }];
    });
    return new Measure(pairs, real, precision);
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
    const options = { precision: this.#precision };
    const chosen = await chooseCaptions(
      pipe,
      this.#of(split).map(described),
      this.#pairs.map(described),
      options,
    );
    return chosen.map(Number);
  }

  /** At a point of a run. */
  async of(pipe: PixArtAlphaPipeline): Promise<Measured> {
    const noise = { logSnrs: LOG_SNRS, noises: 1, seed: 0, precision: this.#precision };
    const errors = await measureErrors(pipe, this.#of("heldout"), noise);
    return {
      right: await this.#right(pipe, "heldout", ({ text }) => text),
      errors: errors.map((level) => level.reduce((sum, each) => sum + each, 0) / level.length),
    };
  }

  /** At its end. */
  async atEnd(pipe: PixArtAlphaPipeline): Promise<MeasuredAtEnd> {
    return {
      rightDense: await this.#right(pipe, "heldout", ({ dense_text }) => dense_text),
      rightValidation: await this.#right(pipe, "validation", ({ text }) => text),
    };
  }

  /** Of the first held-out pairs: captions, real pictures, and drawn ones. */
  async strip(pipe: PixArtAlphaPipeline): Promise<Strip> {
    const shown = this.#of("heldout").slice(0, STRIP);
    const prompts = shown.map(({ text }) => text);
    const { images } = await pipe(prompts, {
      ...DRAWING,
      width: SIDE,
      height: SIDE,
      useResolutionBinning: false,
      cleanCaption: false,
    });
    return { prompts, real: shown.map(({ image }) => image), drawn: images };
  }
}
