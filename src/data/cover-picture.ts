import type { ResizeKernel, RgbImage } from "../images/index.ts";
import type { PictureSize } from "./buckets.ts";

/** Where the part that is kept is taken from along the side that is too long: the middle, or a share from 0 to below 1 of the places there are. */
export type CropPlace = "center" | number;

/** How {@link coverPicture} brings a picture to its size. */
export interface CoverOptions extends PictureSize {
  readonly kernel: ResizeKernel;
  readonly place: CropPlace;
  readonly mirrored: boolean;
  /** Size of another picture that it belongs to: it is stretched to that and cut at the same place. Its own where left out. */
  readonly over?: PictureSize | undefined;
}

/** What becomes of a picture: its size after resizing, and the upper left pixel of what is cut out of that. */
export interface Cover {
  readonly resized: PictureSize;
  readonly left: number;
  readonly top: number;
}

/**
 * How a picture of one size covers another: one side fits exactly, the other is cut.
 *
 * Sides and offsets are rounded as in PixArt's `InternalDataMSSigma` and torchvision's `Resize`, `CenterCrop` and, by
 * `place`, `RandomCrop`.
 */
export function coverOf(
  { width, height }: PictureSize,
  target: PictureSize,
  place: CropPlace,
): Cover {
  const heightFits = target.height / height > target.width / width;
  // One rounding more could leave a side a pixel short where both fit.
  const resized = heightFits
    ? {
        width: Math.max(target.width, Math.floor((width * target.height) / height)),
        height: target.height,
      }
    : {
        width: target.width,
        height: Math.max(target.height, Math.floor((height * target.width) / width)),
      };
  const offset = (spare: number): number =>
    place === "center" ? halfToEven(spare) : Math.floor(place * (spare + 1));
  return {
    resized,
    left: offset(resized.width - target.width),
    top: offset(resized.height - target.height),
  };
}

/** Half of a whole number, rounded as Python rounds: 1 and 3 give 0 and 2. */
const halfToEven = (whole: number): number => {
  const below = Math.floor(whole / 2);
  return whole % 2 === 1 && below % 2 === 1 ? below + 1 : below;
};

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
