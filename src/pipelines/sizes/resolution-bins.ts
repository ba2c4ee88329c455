import { InvalidValueError } from "../../errors/index.ts";
import {
  allBins1024,
  bins1024,
  bins2880,
  type ResolutionBin,
} from "../../images/resolution-table.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";

/** A picture's size in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

interface BinTable {
  readonly bins: readonly ResolutionBin[];
  /** Ratio of the model's sizes to those of the table. */
  readonly scale: number;
}

/** By the latent side length that a transformer is made for. */
const tables: ReadonlyMap<number, BinTable> = new Map([
  [360, { bins: bins2880, scale: 1 }],
  [256, { bins: allBins1024, scale: 2 }],
  [128, { bins: bins1024, scale: 1 }],
  [64, { bins: bins1024, scale: 1 / 2 }],
  [32, { bins: bins1024, scale: 1 / 4 }],
]);

/** Pixels on a side of a latent pixel in the models that the tables are for. */
const TABLE_SCALE = 8;

/** Whether there are bins for a transformer of this `sampleSize`, with its own size in pixels as the square one. */
export const hasResolutionBins = (sampleSize: number, vaeScaleFactor: number): boolean =>
  tables.has(sampleSize) && vaeScaleFactor === TABLE_SCALE;

/** A size that a model was trained on, with the table's height-to-width ratio. */
export interface TrainedSize extends PictureSize {
  readonly ratio: number;
}

/** All sizes that a transformer of this `sampleSize` was trained on; empty if no table is known. */
export function trainedSizes(sampleSize: number, vaeScaleFactor: number): TrainedSize[] {
  const table = tables.get(sampleSize);
  if (table === undefined || vaeScaleFactor !== TABLE_SCALE) return [];
  const { bins, scale } = table;
  return bins.map(([ratio, height, width]) => ({
    ratio,
    width: width * scale,
    height: height * scale,
  }));
}

/**
 * The trained size whose aspect ratio is nearest; on a tie the wider one.
 * @param sampleSize the transformer's, in latent pixels: 32, 64, 128, 256 or 360
 * @throws InvalidValueError for another `sampleSize`, in terms of `useResolutionBinning`, the option of a pipeline's call
 */
export function nearestResolutionBin(
  { width, height }: PictureSize,
  sampleSize: number,
): PictureSize {
  const table = tables.get(sampleSize);
  if (table === undefined) {
    throw new InvalidValueError(
      `Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize ${[...tables.keys()].join(", ")}, not for ${sampleSize}.`,
    );
  }
  const ratio = height / width;
  const { bins, scale } = table;
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
  // 832 * (480 / 832) is a little less than 480.
  const size = [
    Math.max(height, Math.trunc(h * ratio)),
    Math.max(width, Math.trunc(w * ratio)),
  ] as const;
  return F.interpolate(pictures, { size, mode: "bilinear" })
    .narrow(2, Math.floor((size[0] - height) / 2), height)
    .narrow(3, Math.floor((size[1] - width) / 2), width);
}
