import { functional as F, type Tensor } from "../torch/index.ts";

/** A picture's size in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/**
 * Height over width, height and width of the pictures that PixArt at 1024 px was trained on
 * (diffusers, pipelines/pixart_alpha/pipeline_pixart_alpha.py ASPECT_RATIO_1024_BIN).
 */
const bins1024: readonly (readonly [ratio: number, height: number, width: number])[] = [
  [0.25, 512, 2048],
  [0.28, 512, 1856],
  [0.32, 576, 1792],
  [0.33, 576, 1728],
  [0.35, 576, 1664],
  [0.4, 640, 1600],
  [0.42, 640, 1536],
  [0.48, 704, 1472],
  [0.5, 704, 1408],
  [0.52, 704, 1344],
  [0.57, 768, 1344],
  [0.6, 768, 1280],
  [0.68, 832, 1216],
  [0.72, 832, 1152],
  [0.78, 896, 1152],
  [0.82, 896, 1088],
  [0.88, 960, 1088],
  [0.94, 960, 1024],
  [1, 1024, 1024],
  [1.07, 1024, 960],
  [1.13, 1088, 960],
  [1.21, 1088, 896],
  [1.29, 1152, 896],
  [1.38, 1152, 832],
  [1.46, 1216, 832],
  [1.67, 1280, 768],
  [1.75, 1344, 768],
  [2, 1408, 704],
  [2.09, 1472, 704],
  [2.4, 1536, 640],
  [2.5, 1600, 640],
  [3, 1728, 576],
  [4, 2048, 512],
];

/** Bins that PixArt-Σ at 2048 px has besides, in the same units (pipeline_pixart_sigma.py ASPECT_RATIO_2048_BIN). */
const wideBins: typeof bins1024 = [
  [0.26, 512, 1984],
  [0.27, 512, 1920],
  [2.89, 1664, 576],
  [3.11, 1792, 576],
  [3.62, 1856, 512],
  [3.75, 1920, 512],
  [3.88, 1984, 512],
];
const bins2048 = [...bins1024, ...wideBins].toSorted(([a], [b]) => a - b);

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
  const bins = sampleSize === 256 ? bins2048 : bins1024;
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
