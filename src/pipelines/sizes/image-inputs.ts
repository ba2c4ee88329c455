import { expected, expectedNo, InvalidValueError } from "../../errors/index.ts";
import { coverOf, RgbImage } from "../../images/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { PictureSize } from "./resolution-bins.ts";

// Shapes: P pictures, H and W size in pixels.

/** Pictures that a call starts from or follows. */
export interface ImageOptions {
  /**
   * Image-to-image: the picture to start from, one for all prompts or one each. Resized and cropped to the drawn size, which
   * defaults to its own.
   */
  readonly image?: RgbImage | readonly RgbImage[];
  /** How much of `image` is redrawn: 1 leaves nothing of it, 0.1 keeps nearly all. Default 0.8. */
  readonly strength?: number;
  /**
   * Inpainting: white where `image` is redrawn, black where it stays, as `decodeMask` reads it from a file. A mask of another size
   * is stretched over `image`, or over each of several.
   */
  readonly maskImage?: RgbImage;
  /**
   * What the pictures follow, one for all prompts or one each: an edge map (HED) for PixArt-δ's controlnet. Resized and cropped
   * to the drawn size. Without it, a pipeline with a controlnet draws as one without.
   */
  readonly controlImage?: RgbImage | readonly RgbImage[];
}

/** Pictures that a call starts from, instead of noise alone. */
export interface ImageStart {
  /** One, or one per prompt. */
  readonly images: readonly RgbImage[];
  readonly strength: number;
  readonly mask: RgbImage | undefined;
}

/** Undefined if a call starts from noise. Throws for options that exclude each other or don't match. */
export function resolveImageStart(options: ImageOptions, prompts: number): ImageStart | undefined {
  const { image, strength, maskImage } = options;
  if (image === undefined) {
    for (const name of ["strength", "maskImage"] as const) {
      if (options[name] !== undefined) throw expectedNo(name, "without image", "a value");
    }
    return undefined;
  }
  const images = listed("image", image, prompts);
  const share = strength ?? 0.8;
  if (!(share > 0 && share <= 1)) throw expected("a number above 0 and up to 1", "strength", share);
  return { images, strength: share, mask: maskImage };
}

/** The pictures to follow; undefined if there are none. Throws if the pipeline has no controlnet. */
export function resolveControlImages(
  { controlImage }: ImageOptions,
  prompts: number,
  hasControlNet: boolean,
): readonly RgbImage[] | undefined {
  if (controlImage === undefined) return undefined;
  if (!hasControlNet) {
    throw new InvalidValueError(
      "Expected no controlImage without a controlnet but received a picture; load the pipeline with { controlnet }",
    );
  }
  return listed("controlImage", controlImage, prompts);
}

function listed(
  name: string,
  given: RgbImage | readonly RgbImage[],
  prompts: number,
): readonly RgbImage[] {
  const images = given instanceof RgbImage ? [given] : given;
  if (images.length === 1 || images.length === prompts) return images;
  throw expected(`one picture, or ${prompts} (one per prompt),`, name, images.length);
}

/** Pictures as an autoencoder takes them, (P, 3, H, W) in [−1, 1]; resized to cover the size and cropped in the middle. */
export async function pictureTensor(
  images: readonly RgbImage[],
  { width, height }: PictureSize,
): Promise<Tensor> {
  const fitted = await Promise.all(
    images.map((image) => image.resize(width, height, "lanczos3", "cover")),
  );
  return torch.tidy(() =>
    torch
      .cat(fitted.map(({ data }) => torch.fromTypedArray(data, [1, height, width, 3])))
      .permute([0, 3, 1, 2])
      .float()
      .div(255)
      .mul(2)
      .sub(1)
      .contiguous(),
  );
}

/** The masks of several pictures, each repeated `times`; or (1, 1, H/f, W/f) for one, which serves all rows. */
export async function latentMasks(
  mask: RgbImage,
  over: readonly PictureSize[],
  size: PictureSize,
  { vaeScaleFactor, times }: { readonly vaeScaleFactor: number; readonly times: number },
): Promise<Tensor> {
  const masks = await Promise.all(over.map((one) => latentMask(mask, one, size, vaeScaleFactor)));
  const rows = masks.length === 1 ? 1 : times;
  const all = torch.tidy(() => torch.cat(masks).repeatInterleave(rows, 0)); // (1 or B, 1, H/f, W/f)
  for (const each of masks) each.dispose();
  return all;
}

/**
 * A mask in latent pixels, (1, 1, H/f, W/f): 1 where to redraw. It is stretched over its picture and cropped with it; a latent
 * pixel takes the value of the pixel at its corner.
 */
async function latentMask(
  mask: RgbImage,
  over: PictureSize,
  { width, height }: PictureSize,
  vaeScaleFactor: number,
): Promise<Tensor> {
  const { resized, left, top } = coverOf(over, { width, height }, "center");
  const { data } = await mask.resizePart(resized, { left, top, width, height }, "nearest");
  const [columns, rows] = [width / vaeScaleFactor, height / vaeScaleFactor];
  const values = new Float32Array(rows * columns);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = 3 * (y * vaeScaleFactor * width + x * vaeScaleFactor);
      const brightness = ((data[at] ?? 0) + (data[at + 1] ?? 0) + (data[at + 2] ?? 0)) / 3;
      values[y * columns + x] = brightness >= 127.5 ? 1 : 0;
    }
  }
  return torch.fromTypedArray(values, [1, 1, rows, columns]);
}
