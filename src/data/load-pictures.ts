import { DatasetError, expected, knownClasses } from "../errors/index.ts";
import { ImageError, type ResizeFit, RgbImage } from "../images/index.ts";
import type { DatasetEntry, Unreadable } from "./dataset.ts";
import { mapConcurrent } from "./map-concurrent.ts";

export interface LoadPicturesOptions {
  /** Side of the square that every picture is resized to. */
  readonly size: number;
  /** How to treat other aspect ratios: crop the centre, pad with white, or stretch. */
  readonly fit?: ResizeFit;
  /** Fraction of pictures that may be unreadable before loading is refused. Default 0. */
  readonly maxUnreadable?: number;
}

/** Result of `loadPictures`: picture i of `data` belongs to entry i. */
export interface LoadedPictures<Entry> {
  /** RGB bytes, [n, size, size, 3]. */
  readonly data: Uint8Array;
  readonly shape: readonly [number, number, number, number];
  /** The readable entries, in the given order. */
  readonly entries: readonly Entry[];
  /** All unreadable pictures. */
  readonly unreadable: readonly Unreadable[];
}

/** More pictures failed to decode than allowed; `unreadable` lists every one. */
export class UnreadablePicturesError extends DatasetError {
  override readonly name = "UnreadablePicturesError";
  readonly unreadable: readonly Unreadable[];

  constructor(unreadable: readonly Unreadable[], total: number, allowed: number) {
    const shown = unreadable.slice(0, 5).map(({ path, reason }) => `  ${path}: ${reason}`);
    const more =
      unreadable.length > shown.length ? [`  and ${unreadable.length - shown.length} more`] : [];
    super(
      [
        `${unreadable.length} of ${total} pictures can't be read, more than maxUnreadable ${allowed} allows. ` +
          "Remove or repair them, or raise maxUnreadable to train without them:",
        ...shown,
        ...more,
      ].join("\n"),
    );
    this.unreadable = unreadable;
  }
}

knownClasses(UnreadablePicturesError);

/** What training allows by default: a few damaged files happen, more indicate a problem. */
export const MAX_UNREADABLE = 0.05;

/** Decoded pictures may be large, so only a few are held at once. */
const CONCURRENCY = 4;

/**
 * Decodes pictures into one array. A picture that can't be decoded is left out and listed, never replaced; if more than
 * `maxUnreadable` fail (none may by default), an `UnreadablePicturesError` lists them all.
 */
export async function loadPictures<Entry extends Pick<DatasetEntry, "path" | "read">>(
  entries: readonly Entry[],
  { size, fit = "cover", maxUnreadable = 0 }: LoadPicturesOptions,
): Promise<LoadedPictures<Entry>> {
  if (!(Number.isInteger(size) && size > 0)) {
    throw expected("a whole number above 0", "size", size);
  }
  if (!(maxUnreadable >= 0 && maxUnreadable <= 1)) {
    throw expected("a fraction from 0 to 1", "maxUnreadable", maxUnreadable);
  }
  const bytes = size * size * 3;
  const data = new Uint8Array(entries.length * bytes);
  const reasons = await mapConcurrent(entries, CONCURRENCY, async (entry, index) => {
    try {
      const file = await entry.read();
      const image = await RgbImage.decode(file, { name: entry.path });
      data.set((await image.resize(size, size, "lanczos3", fit)).data, index * bytes);
      return undefined;
    } catch (error) {
      if (error instanceof ImageError) return error.reason;
      throw error;
    }
  });
  const unreadable = entries.flatMap(({ path }, index) => {
    const reason = reasons[index];
    return reason === undefined ? [] : [{ path, reason }];
  });
  if (unreadable.length > maxUnreadable * entries.length) {
    throw new UnreadablePicturesError(unreadable, entries.length, maxUnreadable);
  }
  const kept = entries.flatMap((entry, index) =>
    reasons[index] === undefined ? [{ entry, index }] : [],
  );
  for (const [to, { index }] of kept.entries()) {
    data.copyWithin(to * bytes, index * bytes, (index + 1) * bytes);
  }
  return {
    data: data.subarray(0, kept.length * bytes),
    shape: [kept.length, size, size, 3],
    entries: kept.map(({ entry }) => entry),
    unreadable,
  };
}
