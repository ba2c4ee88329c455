/** Most pixels to process at once: 64 pictures of 64 pixels a side, one of 512. */
const PIXELS = 2 ** 18;
const MOST = 32;

/** Number of pictures of a side in pixels to process at once. */
export const picturesAtOnce = (side: number): number =>
  Math.min(MOST, Math.max(1, Math.floor(PIXELS / side ** 2)));
