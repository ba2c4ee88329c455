import type { DatasetEntry, Unreadable } from "../data/dataset.ts";
import { loadPictures } from "../data/load-pictures.ts";
import { RgbImage } from "../images/index.ts";
import { picturesAtOnce } from "./choice/pictures-at-once.ts";

/** What is needed to read a picture. */
export type Readable = Pick<DatasetEntry, "path" | "read">;

/** Pictures read from a data set. */
export interface ReadPictures<Entry> {
  /** Those that could be read, with a picture for each. */
  readonly entries: readonly Entry[];
  readonly images: readonly RgbImage[];
  /** Those that could not. */
  readonly unreadable: readonly Unreadable[];
}

/** Reads pictures, some at a time, each resized to a square of `size` pixels; those that can't be read are listed. */
export async function* readPictures<Entry extends Readable>(
  all: readonly Entry[],
  size: number,
): AsyncGenerator<ReadPictures<Entry>> {
  const bytes = size * size * 3;
  const atOnce = picturesAtOnce(size);
  for (let from = 0; from < all.length; from += atOnce) {
    const some = all.slice(from, from + atOnce);
    const { data, entries, unreadable } = await loadPictures(some, { size, maxUnreadable: 1 });
    const images = entries.map(
      (_, i) => new RgbImage(size, size, data.subarray(i * bytes, (i + 1) * bytes)),
    );
    yield { entries, images, unreadable };
  }
}
