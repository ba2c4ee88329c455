import type { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import type { EfficientNetLite } from "./efficientnet-lite.ts";

/** Small pictures are enlarged to this side: networks of ImageNet see little in fewer pixels. */
const SIDE = 96;
const AT_ONCE = 32;

/** Features of pictures, a row each: what is in them, by a network. */
export async function contentFeatures(
  network: EfficientNetLite,
  images: readonly RgbImage[],
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let from = 0; from < images.length; from += AT_ONCE) {
    const some = images.slice(from, from + AT_ONCE);
    const fitted = await Promise.all(some.map((image) => image.resize(SIDE, SIDE, "cubic")));
    const features = torch.tidy(() => {
      const bytes = fitted.map(({ data }) => torch.fromTypedArray(data, [1, SIDE, SIDE, 3]));
      const pictures = torch.cat(bytes).permute([0, 3, 1, 2]).float().div(255);
      return network.features(pictures.contiguous()).toFloat32Array();
    });
    const width = features.length / some.length;
    for (let i = 0; i < some.length; i++) rows.push(features.slice(i * width, (i + 1) * width));
  }
  return rows;
}

/**
 * Rows without the mean of the reference rows, scaled to a length of 1: the squared distance of two is then 2 − 2 cos of the angle
 * between them.
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
