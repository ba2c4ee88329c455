import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, normalize, resolve, sep } from "node:path";
import { ApiError } from "../../server/http/api-error.ts";

/** Files that are pictures, by their names. */
const PICTURE = /^\.(jpe?g|png|webp|avif)$/i;
/** Folders in which nobody's pictures are. */
const PASSED_OVER = /^(\.|node_modules$)/;
const MOST_FOLDERS = 1000;

/** A folder as `GET /api/folders` tells of it. */
export interface ListedFolder {
  /** Empty for the list of the folders that data may lie in. */
  readonly path: string;
  /** Null at the top of one of those. */
  readonly parent: string | null;
  /** Names; of the list, paths. */
  readonly folders: readonly string[];
  /** How many pictures are in the folder itself. */
  readonly pictures: number;
}

/** The folders that data may lie in: no other folder of this machine is looked into, whatever a page asks for. */
export class DataRoots {
  readonly #roots: readonly string[];

  /** @param roots folders, which need not be there yet */
  constructor(roots: readonly string[]) {
    this.#roots = [...new Set(roots.map((root) => resolve(root)))];
  }

  /** Those that are there, without links. */
  async all(): Promise<string[]> {
    const real = await Promise.all(this.#roots.map((root) => realpath(root).catch(() => [])));
    return [...new Set(real.flat())];
  }

  /** A folder in one of them, without links. Throws an ApiError for any other, and for one that is reached over a link. */
  async require(given: string): Promise<string> {
    const path = await this.find(given);
    if (path !== undefined) return path;
    throw new ApiError(
      404,
      "folder_not_found",
      "Expected a folder below one of this server's data folders, without links, for folder; let it look into others with --data-root",
      { param: "folder" },
    );
  }

  /** The same; undefined for any other. */
  async find(given: string): Promise<string | undefined> {
    if (given.includes("\0") || given === "") return undefined;
    const roots = await this.all();
    for (const root of roots) {
      // What is said relative to a root is meant so; absolute paths are as they are.
      const path = trimmed(normalize(resolve(root, given)));
      const isInside = path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
      if (!isInside || (await realpath(path).catch(() => undefined)) !== path) continue;
      if ((await stat(path)).isDirectory()) return path;
    }
    return undefined;
  }

  /** What is in a folder; the list of the roots for none. */
  async list(given: string | undefined): Promise<ListedFolder> {
    const roots = await this.all();
    if (given === undefined || given === "")
      return { path: "", parent: null, folders: roots, pictures: 0 };
    const path = await this.require(given);
    const entries = await readdir(path, { withFileTypes: true });
    const folders = entries
      .filter((entry) => entry.isDirectory() && !PASSED_OVER.test(entry.name))
      .map(({ name }) => name)
      .sort()
      .slice(0, MOST_FOLDERS);
    const pictures = entries.filter((entry) => entry.isFile() && PICTURE.test(extname(entry.name)));
    return {
      path,
      parent: roots.includes(path) ? null : dirname(path),
      folders,
      pictures: pictures.length,
    };
  }
}

const trimmed = (path: string): string =>
  path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path;
