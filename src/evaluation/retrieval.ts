import type { RgbImage } from "../images/index.ts";

/** What a picture is of. */
export interface Label {
  readonly thing: string;
  readonly style: string;
}

/** A picture of a thing in a style. */
export interface LabelledImage extends Label {
  readonly image: RgbImage;
}

/** How often the nearest reference picture agrees with what was asked for (shares of `n`). */
export interface RetrievalResult {
  readonly thingRate: number;
  /** How often one of the five nearest shows the thing. */
  readonly thingOfFiveRate: number;
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
  const rows = (pictures: readonly LabelledImage[]): Float32Array[] =>
    pictures.map(({ image }) => averagedDown(image));
  return retrievalByRows(
    { labels: generated, rows: rows(generated) },
    {
      labels: references,
      rows: rows(references),
    },
  );
}

/** Pictures as rows of numbers whose distances tell how alike they are. */
export interface FeatureRows {
  readonly labels: readonly Label[];
  readonly rows: readonly Float32Array[];
}

const NEAREST = 5;

/** The same for rows of any kind. */
export function retrievalByRows(generated: FeatureRows, references: FeatureRows): RetrievalResult {
  if (generated.rows.length === 0)
    throw new Error("Expected at least one picture for generated but received none");
  if (references.rows.length === 0)
    throw new Error("Expected at least one picture for references but received none");
  const right = { thing: 0, thingOfFive: 0, style: 0, both: 0 };
  for (const [i, row] of generated.rows.entries()) {
    const { thing, style } = generated.labels[i] as Label;
    const found = nearest(row, references.rows).map((at) => references.labels[at] as Label);
    const [first] = found;
    if (first?.thing === thing) right.thing += 1;
    if (found.some((label) => label.thing === thing)) right.thingOfFive += 1;
    if (first?.style === style) right.style += 1;
    if (first?.thing === thing && first.style === style) right.both += 1;
  }
  const n = generated.rows.length;
  return {
    thingRate: right.thing / n,
    thingOfFiveRate: right.thingOfFive / n,
    styleRate: right.style / n,
    bothRate: right.both / n,
    chance: {
      thing: chance(generated.labels, references.labels, ({ thing }) => thing),
      style: chance(generated.labels, references.labels, ({ style }) => style),
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

/** How many numbers are summed up before it is asked whether they are too many already. */
const SUMMED = 16;

/** Indices of the nearest rows, the nearest first; of equals the first. */
function nearest(wanted: Float32Array, rows: readonly Float32Array[]): number[] {
  const found: { readonly at: number; readonly distance: number }[] = [];
  for (const [at, row] of rows.entries()) {
    const most = found.length < NEAREST ? Number.POSITIVE_INFINITY : (found.at(-1)?.distance ?? 0);
    let distance = 0;
    // A row that is already farther than all of these need not be summed up to its end.
    for (let from = 0; from < wanted.length && distance < most; from += SUMMED) {
      const to = Math.min(from + SUMMED, wanted.length);
      for (let k = from; k < to; k += 1)
        distance += ((wanted[k] as number) - (row[k] as number)) ** 2;
    }
    if (distance >= most) continue;
    const place = found.findIndex((other) => other.distance > distance);
    found.splice(place === -1 ? found.length : place, 0, { at, distance });
    if (found.length > NEAREST) found.pop();
  }
  return found.map(({ at }) => at);
}

/** The mean share of references that carry the generated picture's label. */
function chance(
  generated: readonly Label[],
  references: readonly Label[],
  label: (labelled: Label) => string,
): number {
  const counts = new Map<string, number>();
  for (const reference of references) {
    counts.set(label(reference), (counts.get(label(reference)) ?? 0) + 1);
  }
  const hits = generated.reduce((sum, picture) => sum + (counts.get(label(picture)) ?? 0), 0);
  return hits / (generated.length * references.length);
}
