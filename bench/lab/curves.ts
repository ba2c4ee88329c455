/** What curves of runs say: how many operations they take to a target, and how sure that is. */

import { mean } from "../measure.ts";

/** A run as it is compared: after each of its points, whether each picture's caption was chosen. */
export interface Curve {
  readonly seed: number;
  /** Counted operations at each point, rising. */
  readonly tflop: readonly number[];
  /** For each point, 1 or 0 a picture. */
  readonly right: readonly (readonly number[])[];
}

const ascending = (a: number, b: number): number => a - b;

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted(ascending);
  const [low = Number.NaN, high = low] = [
    sorted[Math.floor((sorted.length - 1) / 2)],
    sorted[Math.ceil((sorted.length - 1) / 2)],
  ];
  return low === high ? low : (low + high) / 2; // two infinite ones have no mean
}

/** The median of each value and its neighbours; at the end that of the last three, and at the beginning the value itself. */
export const smoothed = (values: readonly number[]): number[] =>
  values.map((value, i) =>
    i === 0
      ? value
      : median(values.slice(Math.max(0, Math.min(i - 1, values.length - 3))).slice(0, 3)),
  );

/** Share of these pictures that are right, at each point, smoothed. */
export const rates = ({ right }: Curve, pictures: readonly number[]): number[] =>
  smoothed(right.map((own) => mean(pictures.map((picture) => own[picture] ?? 0))));

/** All pictures of a curve. */
export const everyPicture = ({ right }: Curve): number[] => (right[0] ?? []).map((_, i) => i);

/** Operations from which on a curve stays at or above a rate; infinite where it does not at its end. */
export function toTarget(
  tflop: readonly number[],
  values: readonly number[],
  target: number,
): number {
  const last = values.findLastIndex((value) => value < target);
  return tflop[last + 1] ?? Number.POSITIVE_INFINITY;
}

/** Median over the seeds of the operations to a target. */
export const medianToTarget = (
  curves: readonly Curve[],
  target: number,
  pictures?: readonly number[],
): number =>
  median(
    curves.map((curve) =>
      toTarget(curve.tflop, rates(curve, pictures ?? everyPicture(curve)), target),
    ),
  );

/** The median over the seeds of what a design reaches at its end. */
export const endOf = (curves: readonly Curve[]): number =>
  median(curves.map((curve) => rates(curve, everyPicture(curve)).at(-1) ?? 0));

/** Numbers in [0, 1), always the same for a seed (mulberry32). */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number and what 95 of 100 resamplings lie between. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLINGS = 2000;

/** A value and its 95 % interval, of what `of` makes of pictures and seeds that are drawn with replacement. */
function resampled(
  counts: { readonly pictures: number; readonly seeds: number },
  of: (pictures: readonly number[], seeds: readonly number[]) => number,
): Interval {
  const draw = uniform(1);
  const some = (count: number): number[] =>
    Array.from({ length: count }, () => Math.floor(draw() * count));
  const found = Array.from({ length: RESAMPLINGS }, () =>
    of(some(counts.pictures), some(counts.seeds)),
  )
    .filter((value) => !Number.isNaN(value))
    .sort(ascending);
  const at = (share: number): number => found[Math.round(share * (found.length - 1))] ?? Number.NaN;
  const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  const value = of(all(counts.pictures), all(counts.seeds));
  return { value, low: at(0.025), high: at(0.975) };
}

const countsOf = (curves: readonly Curve[]): { pictures: number; seeds: number } => ({
  pictures: curves[0]?.right[0]?.length ?? 0,
  seeds: curves.length,
});

const chosen = (curves: readonly Curve[], seeds: readonly number[]): Curve[] =>
  seeds.flatMap((seed) => curves[seed] ?? []);

/**
 * How many times the operations of `base` a design takes to a target: a paired bootstrap, in which both sides have the same pictures
 * and seeds. Infinite where the design does not reach it; undefined as a number (NaN) where neither does.
 * @param free TFLOP of the base's that are not counted
 */
export const ratioToTarget = (
  design: readonly Curve[],
  base: readonly Curve[],
  target: number,
  free = 0,
): Interval =>
  resampled(countsOf(base), (pictures, seeds) => {
    const [own, other] = [design, base].map((curves) =>
      medianToTarget(chosen(curves, seeds), target, pictures),
    ) as [number, number];
    return own === other && own === Number.POSITIVE_INFINITY ? Number.NaN : own / (other - free);
  });

/** How much more pictures a design has right at its end than `base`, in the mean over the seeds. */
export const gainAtEnd = (design: readonly Curve[], base: readonly Curve[]): Interval =>
  resampled(countsOf(base), (pictures, seeds) => {
    const end = (curves: readonly Curve[]): number =>
      mean(chosen(curves, seeds).map((curve) => rates(curve, pictures).at(-1) ?? 0));
    return end(design) - end(base);
  });
