import { isUtf8 } from "node:buffer";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { DatasetError } from "../../errors/index.ts";

/** The files of a data set. */
export interface Listing {
  /** Absolute path of the folder that names are relative to. */
  readonly root: string;
  /** Absolute paths, sorted. */
  readonly files: readonly string[];
  /**
   * Entries whose names are not UTF-8, so that no string path leads to them; their paths are for display, with \ufffd for invalid
   * bytes.
   */
  readonly unnamed?: readonly UnnamedEntry[];
}

/** A file or folder whose name is not UTF-8. */
export interface UnnamedEntry {
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * All files below a folder except hidden ones (`.cache/`, macOS's `._x.png`); for a file, just that file. Links to folders are
 * followed, and each folder is read once, so circular links end.
 */
export async function listFiles(location: string): Promise<Listing> {
  const root = resolve(location);
  try {
    if ((await stat(root)).isFile()) return { root: dirname(root), files: [root] };
    const { files, unnamed } = await entriesBelow(root);
    return { root, files: files.sort(), unnamed };
  } catch (error) {
    const { code, path = root } = error as NodeJS.ErrnoException;
    if (path === root) {
      throw new DatasetError(
        `Expected a folder of pictures for folder but received ${root} (${code})`,
        { cause: error },
      );
    }
    throw new DatasetError(`${path}: expected a folder that can be read but found ${code}`, {
      cause: error,
    });
  }
}

/** Folders are read before links to them, so that files are named after their own folder. */
async function entriesBelow(
  root: string,
): Promise<{ readonly files: string[]; readonly unnamed: UnnamedEntry[] }> {
  const files: string[] = [];
  const unnamed: UnnamedEntry[] = [];
  const folders = [root];
  const links: string[] = [];
  const read = new Set<string>();
  for (;;) {
    const folder = folders.pop() ?? links.shift();
    if (folder === undefined) return { files, unnamed };
    const place = await realpath(folder);
    if (read.has(place)) continue;
    read.add(place);
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
      const name = entry.name.toString();
      const path = join(folder, name);
      if (isHidden(name)) continue;
      if (!isUtf8(entry.name)) unnamed.push({ path, isFolder: entry.isDirectory() });
      else if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink() && (await isFolder(path))) links.push(path);
      else files.push(path);
    }
    links.sort();
  }
}

/** A broken link is listed as a file that can't be opened. */
const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  );

const isHidden = (name: string): boolean => name.startsWith(".") || name === "__MACOSX";

/** Whether no component of a path with `/` is hidden. */
export const isVisible = (path: string): boolean => !path.split("/").some(isHidden);

/** A path below the root with `/` on every system. */
export const innerName = (root: string, path: string): string =>
  relative(root, path).replaceAll(sep, "/");
