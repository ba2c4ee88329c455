import { InvalidValueError } from "../../errors/index.ts";
import {
  nearestShape,
  SIZE_TABLES,
  TABLE_SIDES,
  type TableSize,
} from "../../images/resolution-table.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";

/** A picture's size in pixels. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A size that a model was trained on, with the table's height-to-width ratio. */
export type TrainedSize = TableSize;

/** Pixels on a side of a latent pixel in the models that the tables are for. */
const TABLE_SCALE = 8;

/** The sizes of a transformer that is made for latents of `sampleSize` on a side. */
const sizesFor = (sampleSize: number): readonly TrainedSize[] | undefined =>
  SIZE_TABLES.get(sampleSize * TABLE_SCALE)?.drawn;

/** Whether there are bins for a transformer of this `sampleSize`, with its own size in pixels as the square one. */
export const hasResolutionBins = (sampleSize: number, vaeScaleFactor: number): boolean =>
  trainedSizes(sampleSize, vaeScaleFactor).length > 0;

/** All sizes that a transformer of this `sampleSize` was trained on; empty if no table is known. */
export const trainedSizes = (sampleSize: number, vaeScaleFactor: number): readonly TrainedSize[] =>
  vaeScaleFactor === TABLE_SCALE ? (sizesFor(sampleSize) ?? []) : [];

/**
 * The trained size whose aspect ratio is nearest; on a tie the wider one.
 * @param sampleSize the transformer's, in latent pixels: 32, 64, 128, 256 or 360
 * @throws InvalidValueError for another `sampleSize`, in terms of `useResolutionBinning`, the option of a pipeline's call
 */
export function nearestResolutionBin(asked: PictureSize, sampleSize: number): PictureSize {
  const sizes = sizesFor(sampleSize);
  if (sizes === undefined) {
    const known = TABLE_SIDES.map((side) => side / TABLE_SCALE).join(", ");
    throw new InvalidValueError(
      `Expected false for useResolutionBinning but received true. There are bins for transformers of sampleSize ${known}, not for ${sampleSize}.`,
    );
  }
  const { width, height } = nearestShape(asked, sizes);
  return { width, height };
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
