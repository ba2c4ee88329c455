import type { RgbImage } from "../images/index.ts";
import type { PixArtAlphaPipeline } from "../pipelines/index.ts";
import * as torch from "../torch/index.ts";
import type { LabelledImage } from "./retrieval.ts";

/** A caption to draw and what the picture should show. */
export interface PromptPair {
  readonly prompt: string;
  readonly thing: string;
  readonly style: string;
}

/** How pictures are drawn for a measure. */
export interface DrawOptions {
  readonly steps: number;
  readonly guidanceScale: number;
  /** The first picture's seed; each next one takes the next. */
  readonly seed: number;
  /** Side in pixels. */
  readonly size: number;
  readonly onProgress?: (drawn: number, total: number) => void;
}

const BATCH = 32;

/** Draws a picture of every prompt, labelled with what it should show. */
export async function drawPairs(
  pipe: PixArtAlphaPipeline,
  pairs: readonly PromptPair[],
  { steps, guidanceScale, seed, size, onProgress }: DrawOptions,
): Promise<LabelledImage[]> {
  const drawn: LabelledImage[] = [];
  for (let first = 0; first < pairs.length; first += BATCH) {
    const batch = pairs.slice(first, first + BATCH);
    const { images } = await pipe(
      batch.map((p) => p.prompt),
      {
        width: size,
        height: size,
        numInferenceSteps: steps,
        guidanceScale,
        generator: batch.map((_, i) => torch.generator(seed + first + i)),
        useResolutionBinning: false,
        cleanCaption: false, // these are training's own captions
      },
    );
    batch.forEach(({ thing, style }, i) => {
      drawn.push({ image: images[i] as RgbImage, thing, style });
    });
    onProgress?.(drawn.length, pairs.length);
  }
  return drawn;
}
