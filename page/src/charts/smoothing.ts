/**
 * Exponential moving average with the bias of its start corrected (Kingma and Ba, Adam, section 3), so that the first values are not drawn
 * towards 0. `weight` from 0 (as it is) to below 1 is what is kept a value; values that are no numbers are passed over.
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
