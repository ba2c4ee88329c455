import type { RgbImage } from "../images/index.ts";

/** A picture of a thing in a style. */
export interface LabelledImage {
  readonly image: RgbImage;
  readonly thing: string;
  readonly style: string;
}

/** How often the nearest reference picture agrees with what was asked for (shares of `n`). */
export interface RetrievalResult {
  readonly thingRate: number;
  readonly styleRate: number;
  readonly bothRate: number;
  /** What a reference picked at random would score on the same pictures. */
  readonly chance: { readonly thing: number; readonly style: number };
  readonly n: number;
}

/** Pictures are compared at this side, as small as still shows what they are of. */
const SIDE = 16;
const FEATURES = SIDE * SIDE * 3;

/**
 * Judges generated pictures without a neural network: every picture is averaged down to 16x16 RGB
 * in [0, 1], and the reference at the least squared distance (the first of equals) says what it
 * is of. The references are all pictures of all things and styles. Call it once for seen and once
 * for held-out pairs.
 */
export function retrieval(
  generated: readonly LabelledImage[],
  references: readonly LabelledImage[],
): RetrievalResult {
  if (generated.length === 0)
    throw new Error("Expected at least one picture for generated but received none");
  if (references.length === 0) {
    throw new Error("Expected at least one picture for references but received none");
  }
  const features = new Float32Array(references.length * FEATURES);
  for (const [index, { image }] of references.entries()) {
    features.set(averagedDown(image), index * FEATURES);
  }
  const right = { thing: 0, style: 0, both: 0 };
  for (const { image, thing, style } of generated) {
    const found = references[nearest(averagedDown(image), features)] as LabelledImage;
    if (found.thing === thing) right.thing += 1;
    if (found.style === style) right.style += 1;
    if (found.thing === thing && found.style === style) right.both += 1;
  }
  const n = generated.length;
  return {
    thingRate: right.thing / n,
    styleRate: right.style / n,
    bothRate: right.both / n,
    chance: {
      thing: chance(generated, references, (labelled) => labelled.thing),
      style: chance(generated, references, (labelled) => labelled.style),
    },
    n,
  };
}

/** The area average of a picture on a 16x16 grid: RGB in [0, 1], rows from the top. */
export function averagedDown({ width, height, data }: RgbImage): Float32Array {
  const columns = overlaps(width);
  const rows = overlaps(height);
  const averaged = new Float64Array(FEATURES);
  for (const { from: y, to: cellY, share: shareY } of rows) {
    for (const { from: x, to: cellX, share: shareX } of columns) {
      const weight = (shareX * shareY) / 255;
      const source = (y * width + x) * 3;
      const target = (cellY * SIDE + cellX) * 3;
      for (let channel = 0; channel < 3; channel += 1) {
        averaged[target + channel] =
          (averaged[target + channel] as number) + weight * (data[source + channel] as number);
      }
    }
  }
  return Float32Array.from(averaged);
}

/** Which pixels of a side each cell covers, and the share of the cell that each one takes. */
function overlaps(length: number): { from: number; to: number; share: number }[] {
  const pixels = length / SIDE;
  const found: { from: number; to: number; share: number }[] = [];
  for (let to = 0; to < SIDE; to += 1) {
    const [start, end] = [to * pixels, (to + 1) * pixels];
    for (let from = Math.floor(start); from < Math.min(length, Math.ceil(end)); from += 1) {
      const share = (Math.min(end, from + 1) - Math.max(start, from)) / pixels;
      found.push({ from, to, share });
    }
  }
  return found;
}

/** Index of the nearest row of `features`. */
function nearest(picture: Float32Array, features: Float32Array): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let row = 0; row * FEATURES < features.length; row += 1) {
    const start = row * FEATURES;
    let distance = 0;
    // A row that is already farther than the best need not be summed up to its end.
    for (let at = 0; at < FEATURES && distance < least; at += SIDE) {
      for (let k = at; k < at + SIDE; k += 1) {
        const difference = (picture[k] as number) - (features[start + k] as number);
        distance += difference * difference;
      }
    }
    if (distance < least) [best, least] = [row, distance];
  }
  return best;
}

/** The mean share of references that carry the generated picture's label. */
function chance(
  generated: readonly LabelledImage[],
  references: readonly LabelledImage[],
  label: (labelled: LabelledImage) => string,
): number {
  const counts = new Map<string, number>();
  for (const reference of references) {
    counts.set(label(reference), (counts.get(label(reference)) ?? 0) + 1);
  }
  const hits = generated.reduce((sum, picture) => sum + (counts.get(label(picture)) ?? 0), 0);
  return hits / (generated.length * references.length);
}
