/**
 * Exponential moving average with bias correction (Kingma and Ba, Adam, section 3), so that the first values are not pulled
 * towards 0. `weight`, from 0 (unchanged) to below 1, is the share kept per value; NaN values are skipped.
 */
export function smoothed(values: readonly number[], weight: number): number[] {
  let mean = 0;
  let correction = 1;
  return values.map((value) => {
    if (!Number.isFinite(value)) return Number.NaN;
    mean = weight * mean + (1 - weight) * value;
    correction *= weight;
    return mean / (1 - correction);
  });
}
