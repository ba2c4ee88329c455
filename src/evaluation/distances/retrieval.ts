import { expected } from "../../errors/index.ts";

/** What a picture shows. */
export interface Label {
  readonly thing: string;
  readonly style: string;
  /** The name for things of its kind, if the data set has one. */
  readonly group?: string | undefined;
}

/** How often the nearest reference picture matches the request (shares of `n`). */
export interface RetrievalResult {
  readonly thingRate: number;
  /** How often one of the five nearest shows the thing. */
  readonly thingOfFiveRate: number;
  /** How often it shows a thing of the same group; undefined if the labels have none. */
  readonly groupRate: number | undefined;
  readonly styleRate: number;
  /** How often it shows the thing in the style. */
  readonly pairRate: number;
  /** What a randomly picked reference would score on the same pictures. */
  readonly chance: {
    readonly thing: number;
    readonly group: number | undefined;
    readonly style: number;
  };
  readonly n: number;
}

/** Pictures as rows of numbers whose distances measure similarity. */
export interface LabelledRows {
  readonly labels: readonly Label[];
  readonly rows: readonly Float32Array[];
}

const NEAREST = 5;

/**
 * How often the reference at the least squared distance (the first of equals) shows what was requested. The references are
 * pictures of all things and styles. Call it once for seen and once for held-out pairs.
 */
export function retrieval(generated: LabelledRows, references: LabelledRows): RetrievalResult {
  if (generated.rows.length === 0) throw expected("at least one picture", "generated", "none");
  if (references.rows.length === 0) throw expected("at least one picture", "references", "none");
  const right = { thing: 0, thingOfFive: 0, group: 0, style: 0, pair: 0 };
  for (const [i, row] of generated.rows.entries()) {
    const { thing, style, group } = generated.labels[i] as Label;
    const found = nearest(row, references.rows).map((at) => references.labels[at] as Label);
    const [first] = found;
    if (first?.thing === thing) right.thing += 1;
    if (found.some((label) => label.thing === thing)) right.thingOfFive += 1;
    if (first?.group === group) right.group += 1;
    if (first?.style === style) right.style += 1;
    if (first?.thing === thing && first.style === style) right.pair += 1;
  }
  const n = generated.rows.length;
  const isGrouped = references.labels.every(({ group }) => group !== undefined);
  return {
    thingRate: right.thing / n,
    thingOfFiveRate: right.thingOfFive / n,
    groupRate: isGrouped ? right.group / n : undefined,
    styleRate: right.style / n,
    pairRate: right.pair / n,
    chance: {
      thing: chance(generated.labels, references.labels, ({ thing }) => thing),
      group: isGrouped
        ? chance(generated.labels, references.labels, ({ group }) => group ?? "")
        : undefined,
      style: chance(generated.labels, references.labels, ({ style }) => style),
    },
    n,
  };
}

/** How many numbers are added before checking whether the sum is already too large. */
const SUMMED = 16;

/** Indices of the nearest rows, the nearest first; of equals the first. */
function nearest(wanted: Float32Array, rows: readonly Float32Array[]): number[] {
  const found: { readonly at: number; readonly distance: number }[] = [];
  for (const [at, row] of rows.entries()) {
    const most = found.length < NEAREST ? Number.POSITIVE_INFINITY : (found.at(-1)?.distance ?? 0);
    let distance = 0;
    // A row that is already farther than all of these need not be added up to its end.
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

/** The mean share of references that have the generated picture's label. */
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
