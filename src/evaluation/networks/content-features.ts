import type { RgbImage } from "../../images/index.ts";
import type { EfficientNetLite } from "./efficientnet-lite.ts";
import { pictureFeatures, unitRange } from "./picture-features.ts";

/** Small pictures are enlarged to this side: networks trained on ImageNet see little in fewer pixels. */
const SIDE = 96;

/** Content features of pictures, one row each, from a network. */
export const contentFeatures = (
  network: EfficientNetLite,
  images: readonly RgbImage[],
): Promise<Float32Array[]> =>
  pictureFeatures(images, {
    fit: (image) => image.resize(SIDE, SIDE, "cubic"),
    input: unitRange,
    features: (pictures) => network.features(pictures),
  });

/**
 * Subtracts the mean of the reference rows and scales to a length of 1: the squared distance of two rows is then 2 − 2 cos of the
 * angle between them.
 */
export function centred(
  rows: readonly Float32Array[],
  references: readonly Float32Array[],
): Float32Array[] {
  const width = references[0]?.length ?? 0;
  const mean = new Float64Array(width);
  for (const row of references)
    for (let i = 0; i < width; i++)
      mean[i] = (mean[i] as number) + (row[i] as number) / references.length;
  return rows.map((row) => {
    const moved = Float64Array.from(row, (value, i) => value - (mean[i] as number));
    const length = Math.hypot(...moved) || 1;
    return Float32Array.from(moved, (value) => value / length);
  });
}
