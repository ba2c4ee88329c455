import { RgbImage } from "../images/index.ts";
import type { RawPicture } from "../server/engine/engine-messages.ts";

/** A picture's size and bytes alone, as they travel. */
export const rawPicture = ({ width, height, data }: RgbImage): RawPicture => ({
  width,
  height,
  data,
});

/** A picture that has travelled. */
export const pictureOf = ({ width, height, data }: RawPicture): RgbImage =>
  new RgbImage(width, height, data);
