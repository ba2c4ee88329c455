import { functional as F, type Tensor } from "../torch/index.ts";
import { allBins1024, bins1024, type ResolutionBin } from "./resolution-table.ts";

/** A picture's size in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Side of the latent picture that a transformer is made for → its bins' size relative to those of 1024 px. */
const scales: ReadonlyMap<number, number> = new Map([
  [256, 2],
  [128, 1],
  [64, 1 / 2],
  [32, 1 / 4],
]);

/** Whether there are bins for a transformer of this `sampleSize`, and the square one is its own size in pixels. */
export const hasResolutionBins = (sampleSize: number, vaeScaleFactor: number): boolean =>
  (scales.get(sampleSize) ?? 0) * 1024 === sampleSize * vaeScaleFactor;

/** The trained size whose aspect ratio is nearest; on a tie the wider one. */
export function nearestResolutionBin(
  { width, height }: PictureSize,
  sampleSize: number,
): PictureSize {
  const scale = scales.get(sampleSize);
  if (scale === undefined) {
    throw new Error(
      `Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize ${[...scales.keys()].join(", ")}, not for ${sampleSize}.`,
    );
  }
  const ratio = height / width;
  const bins: readonly ResolutionBin[] = sampleSize === 256 ? allBins1024 : bins1024;
  const [, binHeight, binWidth] = bins.reduce((best, bin) =>
    Math.abs(bin[0] - ratio) < Math.abs(best[0] - ratio) ? bin : best,
  );
  return { width: binWidth * scale, height: binHeight * scale };
}

/** Resizes pictures (B, C, h, w) to cover `width` × `height`, without antialiasing, and crops the middle. */
export function resizeAndCrop(pictures: Tensor, { width, height }: PictureSize): Tensor {
  const [h, w] = [pictures.size(2), pictures.size(3)];
  if (h === height && w === width) return pictures;
  const ratio = Math.max(height / h, width / w);
  const size = [Math.trunc(h * ratio), Math.trunc(w * ratio)] as const;
  return F.interpolate(pictures, { size, mode: "bilinear" })
    .narrow(2, Math.floor((size[0] - height) / 2), height)
    .narrow(3, Math.floor((size[1] - width) / 2), width);
}
