const grouped = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** An integer with commas: `1,240`. */
export const countText = (count: number): string => grouped.format(count);

/** `1 picture`, `1,240 pictures`. */
export const manyText = (count: number, one: string, many = `${one}s`): string =>
  `${countText(count)} ${count === 1 ? one : many}`;

/** A loss with four significant digits: `0.2132`, `12.34`, `3.1e-7`. */
export function lossText(loss: number): string {
  if (!Number.isFinite(loss)) return String(loss);
  if (loss !== 0 && Math.abs(loss) < 1e-4) return loss.toExponential(1);
  return Math.abs(loss) < 1 ? loss.toFixed(4) : loss.toPrecision(4);
}

/** How far a loss is from the usual one: `1.9 σ above usual`, `0.3 σ below usual`. */
export const deviationsText = (deviations: number): string =>
  `${Math.abs(deviations).toFixed(1)} σ ${deviations < 0 ? "below" : "above"} usual`;

/** A speed: `0.84`, `8.4`, `84`. */
export const rateText = (rate: number): string =>
  rate >= 100 ? countText(rate) : String(Number(rate.toPrecision(2)));

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes with decimal units: `38 MB`. */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 9.95 ? value.toFixed(0) : value.toFixed(1);
  return `${digits} ${UNITS[unit]}`;
}

/** A share in percent; never `100 %` before the end. */
export const percentText = (part: number, whole: number): string =>
  whole === 0 ? "0 %" : `${Math.floor((100 * part) / whole)} %`;
