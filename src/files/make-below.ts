import { basename, dirname, join } from "node:path";
import { makeOneFolderSync } from "./make-folder.ts";

/**
 * Makes folders one below the other in one that is there, and never that one: where it was moved away nothing begins in its old
 * place. Gives the last one's path. Throws FileWriteError, also where `base` is gone.
 */
export function makeBelow(base: string, ...names: readonly string[]): string {
  let path = base;
  for (const name of names) {
    path = join(path, name);
    makeOneFolderSync(path);
  }
  return path;
}

/** Makes a folder and the one that it is in, and none above: those are {@link makeBelow}'s base. */
export function makeWithParent(path: string): string {
  const parent = dirname(path);
  return makeBelow(dirname(parent), basename(parent), basename(path));
}
