import { BadFileError } from "../../../files/reading/errors.ts";
import { parsePythonJson } from "../../../files/reading/python-json.ts";
import { openRegular } from "../../../files/reading/whole-file.ts";
import {
  JSON_MARK,
  type ParquetChunk,
  type ParquetFooter,
  type ParquetLeaf,
  readFooter,
  readRows,
} from "./parquet-thread.ts";
import { decimal, isDecimal } from "./parquet-values.ts";

export type { ParquetLeaf } from "./parquet-thread.ts";

/** The rows of a row group. */
export interface RowGroup {
  readonly start: number;
  readonly rows: number;
}

/** Limits for one read of columns besides pictures: rows, and unpacked bytes. */
const PART = { rows: 65_536, bytes: 32 * 2 ** 20 };
/** Unpacked size of a group that is kept until its last part is read; of a larger group each part is read separately. */
const MOST_HELD_BYTES = 128 * 2 ** 20;

/** A parquet file, read row group by row group and only in the requested columns. */
export class ParquetFile {
  readonly path: string;
  readonly leaves: readonly ParquetLeaf[];
  readonly groups: readonly RowGroup[];
  readonly #footer: ParquetFooter;

  private constructor(path: string, footer: ParquetFooter) {
    this.path = path;
    this.#footer = footer;
    this.leaves = footer.leaves;
    let start = 0;
    this.groups = footer.groups.map(({ rows }, index) => {
      const group = { start, rows };
      if (!(rows >= 0 && rows <= footer.byteLength)) {
        // A row with a picture has at least one byte: more rows than bytes would only fill memory.
        throw new BadFileError(
          path,
          `row group ${index}`,
          `at most ${footer.byteLength} rows`,
          `${rows}`,
        );
      }
      start += rows;
      return group;
    });
    // In total too: a footer may have a million groups.
    if (start > footer.byteLength) {
      throw new BadFileError(path, "row groups", `at most ${footer.byteLength} rows`, `${start}`);
    }
  }

  /** Reads the footer. Throws BadFileError. */
  static async open(path: string): Promise<ParquetFile> {
    const limits = { expected: "a parquet file", atMost: Number.POSITIVE_INFINITY };
    const { file, size } = await openRegular(path, limits);
    await file.close();
    const footer = await readFooter(path, size).catch((error: Error) => {
      throw new BadFileError(path, "footer", "a parquet file", error.message);
    });
    return new ParquetFile(path, footer);
  }

  /** A column's chunk in a group. */
  chunk(group: number, leaf: ParquetLeaf): ParquetChunk {
    const chunk = this.#footer.groups[group]?.chunks.get(nameOf(leaf));
    return chunk ?? { bytes: 0, stored: 0, hasPageIndex: false };
  }

  /** The rows of a group, with only the given leaves, in parts that are small compared with pictures. Throws BadFileError. */
  async *parts(
    leaves: readonly ParquetLeaf[],
    group: number,
  ): AsyncGenerator<Record<string, unknown>[]> {
    const { start, rows } = this.groups[group] ?? { start: 0, rows: 0 };
    const bytes = leaves.reduce((sum, leaf) => sum + this.chunk(group, leaf).bytes, 0);
    const fitting = Math.floor((PART.bytes * rows) / Math.max(1, bytes));
    const step = Math.max(1, Math.min(PART.rows, fitting));
    const end = start + rows;
    const isHeld = step < rows && bytes <= MOST_HELD_BYTES;
    for (let at = start; at < end; at += step) {
      yield await this.rows(
        leaves,
        at,
        Math.min(at + step, end),
        isHeld ? { start, end } : undefined,
      );
    }
  }

  /**
   * Rows from `start` to before `end`, with only the given leaves; `group` is the group that they belong to. Throws BadFileError.
   */
  async rows(
    leaves: readonly ParquetLeaf[],
    start: number,
    end: number,
    group?: { readonly start: number; readonly end: number },
  ): Promise<Record<string, unknown>[]> {
    const decimals = leaves.filter(hasDecimals);
    const place = `rows ${start} to ${end - 1}`;
    let records: Record<string, unknown>[];
    try {
      records = await readRows(
        {
          path: this.path,
          identity: this.#footer.identity,
          leaves: leaves.map(nameOf),
          plain: decimals.map(nameOf),
          start,
          end,
          ...(group !== undefined && { group }),
        },
        this.#storedFor(leaves, start, end),
      );
      for (const { path, element } of decimals) {
        const [name = ""] = path;
        for (const record of records) record[name] = decimal(record[name], element);
      }
      for (const { path } of leaves.filter(isJson)) {
        const [name = ""] = path;
        for (const record of records) record[name] = withJson(record[name]);
      }
    } catch (error) {
      throw new BadFileError(this.path, place, "readable pages", (error as Error).message);
    }
    if (records.length !== end - start) {
      throw new BadFileError(this.path, place, `${end - start} rows`, `${records.length}`);
    }
    return records;
  }

  /** Bytes of the file read for these rows; groups are read as a whole. */
  #storedFor(leaves: readonly ParquetLeaf[], start: number, end: number): number {
    let stored = 0;
    for (const [group, { start: first, rows }] of this.groups.entries()) {
      if (first >= end || first + rows <= start) continue;
      for (const leaf of leaves) stored += Math.max(0, this.chunk(group, leaf).stored);
    }
    return Math.min(stored, this.#footer.byteLength);
  }
}

const nameOf = ({ path }: ParquetLeaf): string => path.join("\0");

/** Whether a column holds decimals; those inside lists and structs stay doubles. */
const hasDecimals = ({ path, element }: ParquetLeaf): boolean =>
  path.length === 1 && isDecimal(element);

const isJson = ({ element }: ParquetLeaf): boolean =>
  element.converted_type === "JSON" || element.logical_type?.type === "JSON";

/** Parses all JSON within a value. */
function withJson(value: unknown): unknown {
  if (typeof value === "string") {
    return value.startsWith(JSON_MARK) ? parsePythonJson(value.slice(JSON_MARK.length)) : value;
  }
  if (Array.isArray(value)) return value.map(withJson);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withJson(item)]));
}
