import type { ResizeKernel, RgbImage } from "../images/index.ts";

/** Where the square is taken from along the longer side: the middle, or a share from 0 to below 1 of the places there are. */
export type CropPlace = "center" | number;

/** How {@link squarePicture} makes a square. */
export interface SquareOptions {
  readonly side: number;
  readonly kernel: ResizeKernel;
  readonly place: CropPlace;
  readonly mirrored: boolean;
}

/** Whether a picture has only one square of its full height or width. */
export const isSquare = ({ width, height }: Pick<RgbImage, "width" | "height">): boolean =>
  width === height;

/**
 * Resizes a picture until its short side is `side`, then cuts a square: torchvision's `Resize(side)` followed by
 * `CenterCrop` or, by `place`, `RandomCrop`, and `RandomHorizontalFlip` where `mirrored`.
 */
export async function squarePicture(
  image: RgbImage,
  { side, kernel, place, mirrored }: SquareOptions,
): Promise<RgbImage> {
  const { width, height } = image;
  const short = Math.min(width, height);
  const scaled = (length: number): number =>
    length === short ? side : Math.floor((side * length) / short);
  const resized = await image.resize(scaled(width), scaled(height), kernel, "fill");
  const offset = (length: number): number =>
    place === "center" ? Math.round((length - side) / 2) : Math.floor(place * (length - side + 1));
  const cropped = resized.crop(offset(resized.width), offset(resized.height), side, side);
  return mirrored ? cropped.mirrored() : cropped;
}
