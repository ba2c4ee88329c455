/** At most so many pixels are worked on at once: 64 pictures of 64 pixels a side, one of 512. */
const PIXELS = 2 ** 18;
const MOST = 32;

/** How many pictures of a side in pixels are worked on at once. */
export const picturesAtOnce = (side: number): number =>
  Math.min(MOST, Math.max(1, Math.floor(PIXELS / side ** 2)));
