import { type CropPlace, coverOf, type ResizeKernel, type RgbImage } from "../images/index.ts";
import type { PictureSize } from "./buckets.ts";

/** Options of {@link coverPicture}. */
export interface CoverOptions extends PictureSize {
  readonly kernel: ResizeKernel;
  readonly place: CropPlace;
  readonly mirrored: boolean;
  /** Size of the picture it belongs to: it is stretched to that size and cropped in the same place. Its own size if omitted. */
  readonly over?: PictureSize | undefined;
}

/** Whether all crops of a picture at this size are the same, wherever they are placed. */
export function hasOneCover(size: PictureSize, target: PictureSize): boolean {
  const { resized } = coverOf(size, target, "center");
  return resized.width === target.width && resized.height === target.height;
}

/** Resizes a picture until it covers `width` × `height`, crops it, and flips it left to right if `mirrored`. */
export async function coverPicture(
  image: RgbImage,
  { width, height, kernel, place, mirrored, over = image }: CoverOptions,
): Promise<RgbImage> {
  const { resized, left, top } = coverOf(over, { width, height }, place);
  const cropped = await image.resizePart(resized, { left, top, width, height }, kernel);
  return mirrored ? cropped.mirrored() : cropped;
}
