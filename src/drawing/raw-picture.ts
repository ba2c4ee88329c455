import { RgbImage } from "../images/index.ts";
import type { RawPicture } from "../server/engine/engine-messages.ts";

/** A picture's size and bytes, for messages. */
export const rawPicture = ({ width, height, data }: RgbImage): RawPicture => ({
  width,
  height,
  data,
});

/** A picture from a message. */
export const pictureOf = ({ width, height, data }: RawPicture): RgbImage =>
  new RgbImage(width, height, data);
