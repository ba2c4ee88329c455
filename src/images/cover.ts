interface Size {
  readonly width: number;
  readonly height: number;
}

/** Which part to keep along the side that is too long: the middle, or a position from 0 to below 1. */
export type CropPlace = "center" | number;

/** How a picture is resized and cropped: its size after resizing, and the upper left pixel of the crop. */
export interface Cover {
  readonly resized: Size;
  readonly left: number;
  readonly top: number;
}

/**
 * How a picture of one size covers another: one side fits exactly, the other is cropped.
 *
 * Sides and offsets are rounded as in PixArt's `InternalDataMSSigma` and torchvision's `Resize`, `CenterCrop` and, by `place`,
 * `RandomCrop`.
 */
export function coverOf({ width, height }: Size, target: Size, place: CropPlace): Cover {
  const heightFits = target.height / height > target.width / width;
  // One more rounding could leave a side a pixel short if both fit.
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

/** Half of an integer, rounded as in Python: 1 and 3 give 0 and 2. */
const halfToEven = (whole: number): number => {
  const below = Math.floor(whole / 2);
  return whole % 2 === 1 && below % 2 === 1 ? below + 1 : below;
};
