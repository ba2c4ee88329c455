import { basename, dirname, join } from "node:path";
import { makeOneFolderSync } from "./make-folder.ts";

/**
 * Creates nested folders in an existing `base`, but never `base` itself: if it was moved away, nothing is created in its old
 * place. Returns the last one's path. Throws FileWriteError, including if `base` is gone.
 */
export function makeBelow(base: string, ...names: readonly string[]): string {
  let path = base;
  for (const name of names) {
    path = join(path, name);
    makeOneFolderSync(path);
  }
  return path;
}

/** Creates a folder and its parent, and none above: those are {@link makeBelow}'s base. */
export function makeWithParent(path: string): string {
  const parent = dirname(path);
  return makeBelow(dirname(parent), basename(parent), basename(path));
}
