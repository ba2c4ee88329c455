import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";

/** The files of a data set. */
export interface Listing {
  /** Absolute path of the folder that names are relative to. */
  readonly root: string;
  /** Absolute paths, sorted. */
  readonly files: readonly string[];
}

/** All files below a folder, without hidden ones (`.cache/`, macOS's `._x.png`); for a file, that alone. */
export async function listFiles(location: string): Promise<Listing> {
  const root = resolve(location);
  try {
    if ((await stat(root)).isFile()) return { root: dirname(root), files: [root] };
    const found = await readdir(root, { recursive: true, withFileTypes: true });
    return { root, files: visibleFiles(root, found) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`Expected a folder of pictures for folder but received ${root} (${code})`, {
      cause: error,
    });
  }
}

const visibleFiles = (root: string, found: readonly Dirent[]): string[] =>
  found
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => isVisible(relative(root, path)))
    .sort();

/** Whether no part of a path is hidden. */
export const isVisible = (path: string): boolean => !/(^|[\\/])(\.|__MACOSX[\\/])/.test(path);

/** A path below the root with `/` on every system. */
export const innerName = (root: string, path: string): string =>
  relative(root, path).replaceAll(sep, "/");
