import { isUtf8 } from "node:buffer";
import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { DatasetError } from "../../errors/index.ts";
import { leadsOutside, OUTSIDE, type Within } from "./reading-bounds.ts";

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
  readonly unnamed?: readonly UnreadEntry[];
  /** Links that lead outside {@link within}. */
  readonly outside?: readonly UnreadEntry[];
  /** For files that tables name. */
  readonly within?: Within;
}

/** A file or folder that is not read. */
export interface UnreadEntry {
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * All files below a folder except hidden ones (`.cache/`, macOS's `._x.png`); for a file, just that file. Links to folders are
 * followed, and each folder is read once, so circular links end.
 * @param within links that lead outside these folders are not followed
 */
export async function listFiles(location: string, within?: Within): Promise<Listing> {
  const root = resolve(location);
  if (await leadsOutside(root, within)) throw new DatasetError(`${root} can't be read: ${OUTSIDE}`);
  try {
    if ((await stat(root)).isFile()) return { root: dirname(root), files: [root], within };
    const { files, unnamed, outside } = await entriesBelow(root, within);
    return { root, files: files.sort(), unnamed, outside, within };
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
  within: Within,
): Promise<Required<Pick<Listing, "unnamed" | "outside">> & { readonly files: string[] }> {
  const files: string[] = [];
  const unnamed: UnreadEntry[] = [];
  const outside: UnreadEntry[] = [];
  const folders = [root];
  const links: string[] = [];
  const read = new Set<string>();
  for (;;) {
    const folder = folders.pop() ?? links.shift();
    if (folder === undefined) return { files, unnamed, outside };
    const place = await realpath(folder);
    if (read.has(place)) continue;
    read.add(place);
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
      const name = entry.name.toString();
      const path = join(folder, name);
      if (isHidden(name)) continue;
      if (!isUtf8(entry.name)) unnamed.push({ path, isFolder: entry.isDirectory() });
      else if (entry.isDirectory()) folders.push(path);
      else if (entry.isSymbolicLink() && (await leadsOutside(path, within)))
        outside.push({ path, isFolder: await isFolder(path) });
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
