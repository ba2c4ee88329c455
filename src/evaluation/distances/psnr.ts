import type { RgbImage } from "../../images/index.ts";

/** Peak signal-to-noise ratio in dB, of all pictures together. */
export function psnr(found: readonly RgbImage[], wanted: readonly RgbImage[]): number {
  let [squares, count] = [0, 0];
  for (const [i, { data }] of found.entries()) {
    const other = wanted[i]?.data;
    for (let at = 0; at < data.length; at++)
      squares += ((data[at] as number) - (other?.[at] ?? Number.NaN)) ** 2;
    count += data.length;
  }
  return 10 * Math.log10(255 ** 2 / (squares / count));
}
