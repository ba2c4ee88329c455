interface Size {
  readonly width: number;
  readonly height: number;
}

/** Where the part that is kept is taken from along the side that is too long: the middle, or a share from 0 to below 1 of the places there are. */
export type CropPlace = "center" | number;

/** What becomes of a picture: its size after resizing, and the upper left pixel of what is cut out of that. */
export interface Cover {
  readonly resized: Size;
  readonly left: number;
  readonly top: number;
}

/**
 * How a picture of one size covers another: one side fits exactly, the other is cut.
 *
 * Sides and offsets are rounded as in PixArt's `InternalDataMSSigma` and torchvision's `Resize`, `CenterCrop` and, by
 * `place`, `RandomCrop`.
 */
export function coverOf({ width, height }: Size, target: Size, place: CropPlace): Cover {
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
