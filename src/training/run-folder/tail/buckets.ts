/** A curve in at most so many points: of each the mean, least and greatest of the values that it stands for. */
export interface Buckets {
  /** Of the value in the middle. */
  readonly step: readonly number[];
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** Which part of a curve is asked for, and how finely. */
export interface SeriesRange {
  /** First and last step; all unless given. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** At most so many. */
  readonly points: number;
}

/**
 * Divides the values within a range into buckets of as many values each, give or take one. Values that are no finite number are
 * left out.
 * @param steps  of each value
 */
export function bucketsOf(
  steps: Float64Array,
  values: Float64Array,
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY, points }: SeriesRange,
): Buckets {
  const rows: number[] = [];
  for (const [i, step] of steps.entries())
    if (step >= from && step <= to && Number.isFinite(values[i])) rows.push(i);
  const count = Math.min(points, rows.length);
  const all = {
    step: [] as number[],
    mean: [] as number[],
    min: [] as number[],
    max: [] as number[],
  };
  for (let bucket = 0; bucket < count; bucket++) {
    const first = Math.floor((bucket * rows.length) / count);
    const end = Math.floor(((bucket + 1) * rows.length) / count);
    let sum = 0;
    let least = Number.POSITIVE_INFINITY;
    let greatest = Number.NEGATIVE_INFINITY;
    for (let i = first; i < end; i++) {
      const value = values[rows[i] ?? 0] ?? 0;
      sum += value;
      least = Math.min(least, value);
      greatest = Math.max(greatest, value);
    }
    all.step.push(steps[rows[Math.floor((first + end - 1) / 2)] ?? 0] ?? 0);
    // Rounding takes the mean of equal values beyond them.
    all.mean.push(Math.min(greatest, Math.max(least, sum / (end - first))));
    all.min.push(least);
    all.max.push(greatest);
  }
  return all;
}
