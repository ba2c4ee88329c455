import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, extname, normalize, resolve, sep } from "node:path";
import { isBelow } from "../../data/layouts/reading-bounds.ts";
import { ApiError } from "../../server/http/api-error.ts";

/** File extensions of pictures. */
const PICTURE = /^\.(jpe?g|png|webp|avif)$/i;
/** Folders that contain nobody's pictures. */
const PASSED_OVER = /^(\.|node_modules$)/;
const MOST_FOLDERS = 1000;

/** A folder as described by `GET /api/folders`. */
export interface ListedFolder {
  /** Empty for the list of data roots. */
  readonly path: string;
  /** Null for a data root. */
  readonly parent: string | null;
  /** Names; in the list of data roots, paths. */
  readonly folders: readonly string[];
  /** Number of pictures directly in the folder. */
  readonly pictures: number;
}

/** The folders that may contain data: no other folder of this machine is read, whatever a page requests. */
export class DataRoots {
  readonly #roots: readonly string[];

  /** @param roots folders, which need not exist yet */
  constructor(roots: readonly string[]) {
    this.#roots = [...new Set(roots.map((root) => resolve(root)))];
  }

  /** The existing ones, with links resolved. */
  async all(): Promise<string[]> {
    const real = await Promise.all(this.#roots.map((root) => realpath(root).catch(() => [])));
    return [...new Set(real.flat())];
  }

  /** Resolves a folder inside one of the roots. Throws an ApiError for any other folder, and for one reached through a link. */
  async require(given: string): Promise<string> {
    const path = await this.find(given);
    if (path !== undefined) return path;
    throw noFolder();
  }

  /** The same; undefined for any other folder. */
  async find(given: string): Promise<string | undefined> {
    if (given.includes("\0") || given === "") return undefined;
    const roots = await this.all();
    for (const root of roots) {
      // Relative paths are relative to a root; absolute paths stay as they are.
      const path = trimmed(normalize(resolve(root, given)));
      if (!isBelow(root, path) || (await realpath(path).catch(() => undefined)) !== path) continue;
      if ((await stat(path).catch(() => undefined))?.isDirectory()) return path;
    }
    return undefined;
  }

  /** The real path of a file or folder that this server knows of, through any links; undefined if it is outside the roots. */
  async realInside(path: string): Promise<string | undefined> {
    const real = await realpath(path).catch(() => undefined);
    if (real === undefined) return undefined;
    return (await this.all()).some((root) => isBelow(root, real)) ? real : undefined;
  }

  /** Contents of a folder; without one, the list of roots. Throws an ApiError for a folder that can't be read. */
  async list(given: string | undefined): Promise<ListedFolder> {
    const roots = await this.all();
    if (given === undefined || given === "")
      return { path: "", parent: null, folders: roots, pictures: 0 };
    const path = await this.require(given);
    const entries = await readdir(path, { withFileTypes: true }).catch(
      ({ code }: NodeJS.ErrnoException) => {
        if (code === "ENOENT") throw noFolder(); // just removed
        throw new ApiError(409, "folder_unreadable", `The folder ${path} can't be read (${code})`, {
          param: "folder",
        });
      },
    );
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

const noFolder = (): ApiError =>
  new ApiError(
    404,
    "folder_not_found",
    "Expected a folder below one of this server's data folders, without links, for folder; allow others with --data-root",
    { param: "folder" },
  );

const trimmed = (path: string): string =>
  path.length > 1 && path.endsWith(sep) ? path.slice(0, -1) : path;
