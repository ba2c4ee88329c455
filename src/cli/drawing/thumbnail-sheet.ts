import { mapConcurrent } from "../../data/map-concurrent.ts";
import { contactSheet, fitted, type RgbImage } from "../../images/index.ts";

/** A picture, and the caption under it. */
export interface LabelledImage {
  readonly image: RgbImage;
  readonly label: string;
}

/** Side in pixels of a picture in the sheet. */
const SIDE = 128;
/** A decoded picture takes up to 200 MB until it is reduced. */
const DECODED_AT_ONCE = 4;

/** A contact sheet of pictures, which are read and reduced a few at a time. */
export async function thumbnailSheet<T>(
  pictures: readonly T[],
  read: (picture: T, index: number) => Promise<LabelledImage>,
  columns: number,
): Promise<RgbImage> {
  const shown = await mapConcurrent(pictures, DECODED_AT_ONCE, async (picture, index) => {
    const { image, label } = await read(picture, index);
    return { image: await fitted(image, SIDE), label };
  });
  return contactSheet(
    shown.map(({ image }) => image),
    { columns, labels: shown.map(({ label }) => label), cell: SIDE },
  );
}
