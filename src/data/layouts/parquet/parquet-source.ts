import { dirname, resolve, sep } from "node:path";
import { ImageError } from "../../../images/index.ts";
import { innerName, type Listing } from "../list-files.ts";
import { readPictureWithin } from "../reading-bounds.ts";
import type { ParquetFile, ParquetLeaf } from "./parquet-file.ts";
import { UnpackedGroups } from "./unpacked-groups.ts";

/** Shared by all files, of which a data set may have thousands. */
const unpacked = new UnpackedGroups({ bytes: 256 * 2 ** 20, least: 2 });
let sources = 0;

/** The pictures of one file. Recently used row groups stay unpacked, since rows are mostly read in order. */
export class PictureSource {
  /** Path of the file below the folder. */
  readonly container: string;
  /** The same without its extension. */
  readonly name: string;
  readonly path: string;
  readonly #file: ParquetFile;
  readonly #column: string;
  readonly #bytes: ParquetLeaf;
  readonly #leaves: readonly ParquetLeaf[];
  readonly #listing: Listing;
  /** Start of the keys of its unpacked groups. */
  readonly #key = `${sources++}`;

  constructor(file: ParquetFile, column: string, bytes: ParquetLeaf, listing: Listing) {
    this.container = innerName(listing.root, file.path);
    this.name = this.container.replace(/\.parquet$/i, "");
    this.path = file.path;
    this.#file = file;
    this.#column = column;
    this.#bytes = bytes;
    this.#listing = listing;
    this.#leaves = file.leaves.filter(({ path }) => path[0] === column);
  }

  /** Throws ImageError. */
  async read(group: number, row: number): Promise<Uint8Array> {
    try {
      return await this.#read(group, row);
    } catch (error) {
      if (error instanceof ImageError) throw error;
      throw new ImageError(`${this.path}#${row}`, (error as Error).message, { cause: error });
    }
  }

  async #read(group: number, row: number): Promise<Uint8Array> {
    const place = `${this.path}#${row}`;
    const record = await this.#record(group, row);
    const value = record?.[this.#column] as
      | Uint8Array
      | { readonly bytes?: unknown; readonly path?: unknown }
      | null
      | undefined;
    const bytes = value instanceof Uint8Array ? value : value?.bytes;
    if (bytes instanceof Uint8Array) return bytes;
    const path = value instanceof Uint8Array ? undefined : value?.path;
    if (typeof path !== "string") throw new ImageError(place, "has neither bytes nor a path");
    const target = resolve(dirname(this.path), path);
    const { root, within } = this.#listing;
    if (!target.startsWith(root + sep) || path.includes("\0")) {
      throw new ImageError(place, "has no bytes, and its path leads out of the folder");
    }
    return readPictureWithin(target, within);
  }

  async #record(group: number, row: number): Promise<Record<string, unknown> | undefined> {
    if (this.#file.chunk(group, this.#bytes).hasPageIndex) {
      return (await this.#file.rows(this.#leaves, row, row + 1))[0];
    }
    const { start, rows: count } = this.#file.groups[group] ?? { start: 0, rows: 0 };
    const rows = await unpacked.rows(`${this.#key}/${group}`, () =>
      this.#file.rows(this.#leaves, start, start + count),
    );
    return rows[row - start];
  }
}
