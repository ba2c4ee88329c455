import { type CropPlace, coverOf, type ResizeKernel, type RgbImage } from "../images/index.ts";
import type { PictureSize } from "./buckets.ts";

/** How {@link coverPicture} brings a picture to its size. */
export interface CoverOptions extends PictureSize {
  readonly kernel: ResizeKernel;
  readonly place: CropPlace;
  readonly mirrored: boolean;
  /** Size of another picture that it belongs to: it is stretched to that and cut at the same place. Its own where left out. */
  readonly over?: PictureSize | undefined;
}

/** Whether all covers of a picture are the same one, wherever they are taken from. */
export function hasOneCover(size: PictureSize, target: PictureSize): boolean {
  const { resized } = coverOf(size, target, "center");
  return resized.width === target.width && resized.height === target.height;
}

/** Resizes a picture until it covers `width` × `height`, cuts that out of it, and exchanges left and right where `mirrored`. */
export async function coverPicture(
  image: RgbImage,
  { width, height, kernel, place, mirrored, over = image }: CoverOptions,
): Promise<RgbImage> {
  const { resized, left, top } = coverOf(over, { width, height }, place);
  const larger = await image.resize(resized.width, resized.height, kernel, "fill");
  const cropped = larger.crop(left, top, width, height);
  return mirrored ? cropped.mirrored() : cropped;
}
