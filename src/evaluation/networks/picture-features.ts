import type { RgbImage } from "../../images/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

// Shapes: B pictures, D features, H and W size in pixels.

/** A network and its preprocessing. */
export interface PictureNetwork {
  /** Resizes a picture for the network. Default: pictures stay as they are. */
  readonly fit?: (image: RgbImage) => Promise<RgbImage>;
  /** Bytes of one picture (1, 3, H, W) → the network's input, of the same size for all pictures. */
  readonly input: (bytes: Tensor) => Tensor;
  /** (B, 3, H, W) → (B, D) */
  readonly features: (pictures: Tensor) => Tensor;
}

/** Number of rows computed together. */
export const AT_ONCE = 32;

/** A network's features of pictures: one row of D features each. */
export async function pictureFeatures(
  images: readonly RgbImage[],
  { fit = async (image) => image, input, features }: PictureNetwork,
): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let from = 0; from < images.length; from += AT_ONCE) {
    const fitted = await Promise.all(images.slice(from, from + AT_ONCE).map(fit));
    rows.push(
      ...torch.noGrad(() =>
        torch.tidy(() => {
          const pictures = fitted.map((image) => torch.tidy(() => input(bytesOf(image))));
          return rowsOf(features(torch.cat(pictures).contiguous()));
        }),
      ),
    );
  }
  return rows;
}

/** The rows of (B, D). */
export function rowsOf(features: Tensor): Float32Array[] {
  const all = features.toFloat32Array();
  const width = features.size(1);
  return Array.from({ length: features.size(0) }, (_, i) => all.slice(i * width, (i + 1) * width));
}

/** Bytes (1, 3, H, W) → [0, 1]. */
export const unitRange = (bytes: Tensor): Tensor => bytes.float().div(255);

const bytesOf = ({ data, width, height }: RgbImage): Tensor =>
  torch.fromTypedArray(data, [1, height, width, 3]).permute([0, 3, 1, 2]);
