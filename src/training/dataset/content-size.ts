import type { PictureSize } from "../../data/buckets.ts";
import { pictureSize } from "../../images/index.ts";

const known = new WeakMap<Uint8Array, Promise<PictureSize>>();

/**
 * Size of an upright picture by its file's bytes, computed once per array, which must not change. Throws ImageError naming
 * `path`.
 */
export function contentSize(bytes: Uint8Array, path: string): Promise<PictureSize> {
  const found = known.get(bytes) ?? pictureSize(bytes, path);
  known.set(bytes, found);
  return found;
}
