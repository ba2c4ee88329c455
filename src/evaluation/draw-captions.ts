import type { RgbImage } from "../images/index.ts";
import type { PixArtAlphaOptions, PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import { asTrained, type CaptionReading } from "./choice/caption-states.ts";
import { picturesAtOnce } from "./choice/pictures-at-once.ts";

/** Options of drawing pictures for a measurement. */
export interface DrawOptions extends Pick<PixArtAlphaOptions, "guidanceInterval" | "tgate"> {
  readonly steps: number;
  readonly guidanceScale: number;
  /** The first picture's seed; each further one takes the next number. */
  readonly seed: number;
  /** Side, in pixels. */
  readonly size: number;
  readonly reading?: CaptionReading;
}

/** Draws a picture of every caption, some at a time, in order. */
export async function* drawCaptions(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
  { steps, seed, size, reading, ...options }: DrawOptions,
): AsyncGenerator<readonly RgbImage[]> {
  const atOnce = picturesAtOnce(size);
  for (let first = 0; first < captions.length; first += atOnce) {
    const some = captions.slice(first, first + atOnce);
    const { images } = await pipe(some, {
      ...options,
      ...asTrained(reading),
      width: size,
      height: size,
      numInferenceSteps: steps,
      generator: some.map((_, i) => torch.generator(seed + first + i)),
      useResolutionBinning: false,
    });
    yield images;
  }
}
