import { join } from "node:path";
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
