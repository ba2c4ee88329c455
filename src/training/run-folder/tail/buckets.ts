/** A downsampled curve: the mean, minimum and maximum of the values behind each point. */
export interface Buckets {
  /** Step of the middle value. */
  readonly step: readonly number[];
  readonly mean: readonly number[];
  readonly min: readonly number[];
  readonly max: readonly number[];
}

/** Which part of a curve to return, and at what resolution. */
export interface SeriesRange {
  /** First and last step; the whole curve by default. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Maximum number of points. */
  readonly points: number;
}

/**
 * Divides the values within a range into buckets of equal size, give or take one. Non-finite values are left out.
 * @param steps step of each value
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
    // Rounding may push the mean of equal values past them.
    all.mean.push(Math.min(greatest, Math.max(least, sum / (end - first))));
    all.min.push(least);
    all.max.push(greatest);
  }
  return all;
}
