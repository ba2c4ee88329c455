import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  type SchemaElement,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { BadFileError } from "../../weights/errors.ts";
import { decimal, EXACT_PARSERS, isDecimal, undecimal } from "./parquet-values.ts";

/** A part of a column that holds values: its path of names and its description. */
export interface ParquetLeaf {
  readonly path: readonly string[];
  readonly element: SchemaElement;
}

/** One row group: where its rows are. */
export interface RowGroup {
  readonly start: number;
  readonly rows: number;
}

/** A parquet file whose rows are read group by group, and of which columns are read that somebody asks for. */
export class ParquetFile {
  readonly path: string;
  readonly leaves: readonly ParquetLeaf[];
  readonly groups: readonly RowGroup[];
  readonly #buffer: AsyncBuffer;
  readonly #metadata: FileMetaData;

  private constructor(path: string, buffer: AsyncBuffer, metadata: FileMetaData) {
    this.path = path;
    this.#buffer = buffer;
    this.#metadata = metadata;
    this.leaves = leavesOf(metadata.schema);
    let start = 0;
    this.groups = metadata.row_groups.map(({ num_rows }, index) => {
      const group = { start, rows: Number(num_rows) };
      if (!(group.rows >= 0 && group.rows <= buffer.byteLength)) {
        // A row with a picture has a byte at least: more rows than bytes would only fill memory.
        throw new BadFileError(
          path,
          `row group ${index}`,
          `at most ${buffer.byteLength} rows`,
          `${num_rows}`,
        );
      }
      start += group.rows;
      return group;
    });
  }

  /** Reads the footer. Throws BadFileError. */
  static async open(path: string): Promise<ParquetFile> {
    const buffer = await asyncBufferFromFile(path);
    const metadata = await parquetMetadataAsync(buffer).catch((error: Error) => {
      throw new BadFileError(path, "footer", "a parquet file", error.message);
    });
    return new ParquetFile(path, buffer, metadata);
  }

  /** Bytes of a column's values in a group when unpacked, and whether single pages of it can be found. */
  chunk(
    group: number,
    leaf: ParquetLeaf,
  ): { readonly bytes: number; readonly hasPageIndex: boolean } {
    const chunk = this.#metadata.row_groups[group]?.columns.find((column) =>
      isAt(column.meta_data, leaf),
    );
    return {
      bytes: Number(chunk?.meta_data?.total_uncompressed_size ?? 0),
      hasPageIndex: chunk?.offset_index_offset !== undefined,
    };
  }

  /** Rows from `start` to before `end`, with the given leaves alone. Throws BadFileError. */
  async rows(
    leaves: readonly ParquetLeaf[],
    start: number,
    end: number,
  ): Promise<Record<string, unknown>[]> {
    let records: Record<string, unknown>[];
    try {
      records = await parquetReadObjects({
        file: this.#buffer,
        metadata: only(this.#metadata, leaves),
        rowStart: start,
        rowEnd: end,
        compressors,
        // Else pictures would be decoded as text; what says of itself that it is text still is.
        utf8: false,
        useOffsetIndex: true,
        parsers: EXACT_PARSERS,
      });
      for (const { path, element } of leaves.filter(hasDecimals)) {
        const [name = ""] = path;
        for (const record of records) record[name] = decimal(record[name], element);
      }
    } catch (error) {
      throw new BadFileError(
        this.path,
        `rows ${start} to ${end - 1}`,
        "readable pages",
        (error as Error).message,
      );
    }
    if (records.length !== end - start) {
      throw new BadFileError(
        this.path,
        `rows ${start} to ${end - 1}`,
        `${end - start} rows`,
        `${records.length}`,
      );
    }
    return records;
  }
}

/** A column of decimals; those inside of lists and structs stay doubles. */
const hasDecimals = ({ path, element }: ParquetLeaf): boolean =>
  path.length === 1 && isDecimal(element);

const isAt = (
  column: { readonly path_in_schema: readonly string[] } | undefined,
  leaf: ParquetLeaf,
): boolean => column?.path_in_schema.join("\0") === leaf.path.join("\0");

/** The schema is a tree written in depth-first order; its first element is the root. */
function leavesOf(schema: readonly SchemaElement[]): ParquetLeaf[] {
  const leaves: ParquetLeaf[] = [];
  let at = 1;
  const visit = (parents: readonly string[]): void => {
    const element = schema[at];
    if (element === undefined) return;
    at += 1;
    const path = [...parents, element.name];
    if (element.num_children === undefined) leaves.push({ path, element });
    for (let child = 0; child < (element.num_children ?? 0); child += 1) visit(path);
  };
  for (let child = 0; child < (schema[0]?.num_children ?? 0); child += 1) visit([]);
  return leaves;
}

/** The same file as if it had the given leaves alone: a struct's path can be read without its bytes. */
function only(metadata: FileMetaData, leaves: readonly ParquetLeaf[]): FileMetaData {
  const kept = new Set(leaves.map(({ path }) => path.join("\0")));
  const { schema } = metadata;
  let at = 0;
  const visit = (parents: readonly string[]): SchemaElement[] => {
    const element = schema[at] as SchemaElement;
    const path = at === 0 ? [] : [...parents, element.name];
    at += 1;
    if (element.num_children === undefined) {
      const shown = path.length === 1 ? undecimal(element) : element;
      return kept.has(path.join("\0")) ? [shown] : [];
    }
    const children = Array.from({ length: element.num_children }, () => visit(path));
    const rest = children.filter((child) => child.length > 0);
    return rest.length === 0 && path.length > 0
      ? []
      : [{ ...element, num_children: rest.length }, ...rest.flat()];
  };
  return {
    ...metadata,
    schema: visit([]),
    row_groups: metadata.row_groups.map((group) => ({
      ...group,
      columns: group.columns.filter((column) =>
        kept.has(column.meta_data?.path_in_schema.join("\0") ?? ""),
      ),
    })),
  };
}
