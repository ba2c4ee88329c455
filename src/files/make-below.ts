import { mkdirSync } from "node:fs";
import { join } from "node:path";

/**
 * Makes folders one below the other in one that is there, and never that one: where it was moved away nothing begins in its old
 * place. Gives the last one's path. Throws ENOENT where `base` is gone.
 */
export function makeBelow(base: string, ...names: readonly string[]): string {
  let path = base;
  for (const name of names) {
    path = join(path, name);
    try {
      mkdirSync(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return path;
}
