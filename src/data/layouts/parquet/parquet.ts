import { dirname, resolve, sep } from "node:path";
import { DatasetError } from "../../../errors/index.ts";
import { BadFileError, quote } from "../../../files/reading/errors.ts";
import type { ControlPicture, Unreadable } from "../../dataset.ts";
import {
  type ColumnNames,
  controlColumnOf,
  describedText,
  imageColumnOf,
  textColumnOf,
} from "../../described-picture.ts";
import { mapConcurrent } from "../../map-concurrent.ts";
import { type ContainerContent, filesOf } from "../detect-layout.ts";
import {
  controlFile,
  type FoundPicture,
  type FoundPictures,
  PictureFile,
  refusedFile,
} from "../found-picture.ts";
import { innerName, type Listing } from "../list-files.ts";
import { uniqueNames } from "../unique-names.ts";
import { ParquetFile, type ParquetLeaf } from "./parquet-file.ts";
import { PictureSource } from "./parquet-source.ts";
import { MOST_GROUP_BYTES } from "./parquet-thread.ts";
import { plainValue } from "./parquet-values.ts";

const OPEN_FILES = 16;

/** The picture column of a file. */
interface ImageColumn {
  readonly name: string;
  /** The leaf with the bytes; undefined if the file has only paths. */
  readonly bytes: ParquetLeaf | undefined;
}

/** A row that contains a picture. */
interface Row {
  readonly source: PictureSource;
  readonly group: number;
  readonly row: number;
  readonly given: string | undefined;
  readonly text: string | undefined;
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly control: ControlPicture | undefined;
}

/**
 * Lists the rows of parquet files in the Hub's format: an image column (struct of bytes and path, bytes, or path), a caption and
 * other columns. Pictures stay in the files. Throws BadFileError.
 */
export async function listParquet(listing: Listing, names: ColumnNames): Promise<FoundPictures> {
  const rows: Row[] = [];
  const named: PictureFile[] = [];
  const unreadable: Unreadable[] = [];
  const { within } = listing;
  for (const path of filesOf("parquet", listing)) {
    const file = await ParquetFile.open(path);
    const image = imageColumn(file, names);
    const controlOf = controlsOf(file, names, listing);
    const described = (await describedRows(file, image, names)).map((row) => ({
      ...row,
      control: controlOf(row),
    }));
    if (image.bytes !== undefined) {
      const source = new PictureSource(file, image.name, image.bytes, listing);
      for (const row of described) rows.push({ ...row, source });
      continue;
    }
    const table = innerName(listing.root, path);
    // In row order, since several rows may name one file.
    const found = await mapConcurrent(
      described,
      OPEN_FILES,
      async ({ given = "", row, text, captions, columns, control }) => {
        const target = resolve(dirname(path), given);
        const isInside = target.startsWith(listing.root + sep) && !given.includes("\0");
        const where = `${path} row ${row}`;
        const reason = isInside
          ? await refusedFile(target, { where }, within)
          : `its path leads out of the folder (named at ${where})`;
        if (reason !== undefined) return { path: isInside ? target : where, reason };
        const name = innerName(listing.root, target);
        return new PictureFile({
          ...{ file: name, path: target, text, captions, columns, control },
          ...{ container: table, within },
        });
      },
    );
    for (const each of found) {
      if (each instanceof PictureFile) named.push(each);
      else unreadable.push(each);
    }
  }
  const files = uniqueNames(
    rows,
    ({ given }) => given,
    ({ source, row }) => `${source.name}/${String(row).padStart(8, "0")}`,
  );
  return {
    pictures: [...named, ...rows.map((row, i) => new ParquetPicture(files[i] as string, row))],
    unreadable,
    leftOut: [],
  };
}

/** What a parquet file contains, judged by its schema. Throws BadFileError for a damaged one. */
export async function parquetContent(path: string, names: ColumnNames): Promise<ContainerContent> {
  const file = await ParquetFile.open(path);
  const name = imageColumnOf(topsOf(file), names);
  if (name === undefined) return "nothing";
  return bytesOf(file.leaves.filter(({ path }) => path[0] === name)) === undefined
    ? "paths"
    : "pictures";
}

const topsOf = (file: ParquetFile): string[] => [
  ...new Set(file.leaves.map(({ path }) => path[0] as string)),
];

const isText = ({ element }: ParquetLeaf): boolean =>
  element.type !== "BYTE_ARRAY" ||
  element.converted_type !== undefined ||
  element.logical_type !== undefined;

function imageColumn(file: ParquetFile, names: ColumnNames): ImageColumn {
  const columns = topsOf(file);
  const name = imageColumnOf(columns, names);
  if (name === undefined) {
    const wanted = names.imageColumn ?? "image or file_name";
    throw new BadFileError(
      file.path,
      "schema",
      `a column ${wanted}`,
      columns.join(", "),
      "name it with imageColumn",
    );
  }
  const leaves = file.leaves.filter(({ path }) => path[0] === name);
  const bytes = bytesOf(leaves);
  const hasPath = leaves.some(
    ({ path, element }) =>
      element.type === "BYTE_ARRAY" && (path.length === 1 || path[1] === "path"),
  );
  if (bytes === undefined && !hasPath) {
    throw new BadFileError(
      file.path,
      `column ${name}`,
      "pictures: bytes, paths, or both",
      leaves.map(({ path }) => path.join(".")).join(", "),
    );
  }
  if (bytes !== undefined) requireReadableGroups(file, bytes);
  return { name, bytes };
}

/** The leaf of a column that holds the pictures' bytes; undefined if it has only paths. */
const bytesOf = (leaves: readonly ParquetLeaf[]): ParquetLeaf | undefined =>
  leaves.find((leaf) =>
    leaves.length === 1 ? !isText(leaf) : leaf.path.length === 2 && leaf.path[1] === "bytes",
  );

function requireReadableGroups(file: ParquetFile, bytes: ParquetLeaf): void {
  for (const [group] of file.groups.entries()) {
    const chunk = file.chunk(group, bytes);
    if (!chunk.hasPageIndex && chunk.bytes > MOST_GROUP_BYTES) {
      throw new BadFileError(
        file.path,
        `row group ${group}`,
        `at most ${MOST_GROUP_BYTES} bytes of pictures, or an index of its pages`,
        `${chunk.bytes}`,
        "write it again with a hundred rows per group",
      );
    }
  }
}

/** Finds the rows' control pictures: by their bytes in the file, or by their paths next to it. */
function controlsOf(
  file: ParquetFile,
  names: ColumnNames,
  listing: Listing,
): (row: Pick<Row, "group" | "row" | "columns">) => ControlPicture | undefined {
  const { root, within } = listing;
  const columns = file.leaves.map(({ path }) => path[0] as string);
  const name = controlColumnOf(columns, names);
  if (name === undefined) return () => undefined;
  const bytes = bytesOf(file.leaves.filter(({ path }) => path[0] === name));
  if (bytes === undefined) {
    return ({ row, columns: { [name]: given } }) => {
      if (typeof given !== "string") return undefined;
      const target = resolve(dirname(file.path), given);
      if (target.startsWith(root + sep) && !given.includes("\0"))
        return controlFile(target, within);
      throw new DatasetError(
        `${file.path} row ${row}: expected a path inside ${root} but found ${quote(given)}`,
      );
    };
  }
  requireReadableGroups(file, bytes);
  const source = new PictureSource(file, name, bytes, listing);
  // A row's path is read with its columns: where even the struct around it is missing, there is no picture.
  const hasPath = file.leaves.some(({ path }) => path[0] === name && path[1] === "path");
  return ({ group, row, columns: { [name]: struct } }) =>
    hasPath && struct === undefined
      ? undefined
      : { path: `${file.path}#${row} ${name}`, read: () => source.read(group, row) };
}

/** The rows of a group; empty ones if the file has only pictures. */
async function* rowsOf(
  file: ParquetFile,
  leaves: readonly ParquetLeaf[],
  group: number,
): AsyncGenerator<Record<string, unknown>> {
  if (leaves.length > 0) for await (const part of file.parts(leaves, group)) yield* part;
  else for (let row = 0; row < (file.groups[group]?.rows ?? 0); row += 1) yield {};
}

/** All rows without their pictures. */
async function describedRows(
  file: ParquetFile,
  image: ImageColumn,
  names: ColumnNames,
): Promise<Omit<Row, "source" | "control">[]> {
  const tops = topsOf(file);
  const textColumn = textColumnOf(tops, names);
  if (names.textColumn !== undefined && textColumn === undefined) {
    throw new BadFileError(
      file.path,
      "schema",
      `a column ${names.textColumn}`,
      tops.join(", "),
      "name it with textColumn",
    );
  }
  const leaves = file.leaves.filter(
    (leaf) => leaf !== image.bytes && (isText(leaf) || leaf.path[0] === textColumn),
  );
  const described: Omit<Row, "source" | "control">[] = [];
  for (const [group, { start }] of file.groups.entries()) {
    let row = start;
    for await (const { [image.name]: picture, ...record } of rowsOf(file, leaves, group)) {
      const plain = Object.fromEntries(
        Object.entries(record).flatMap(([name, value]) => {
          const known = plainValue(value);
          return known === undefined ? [] : [[name, known]];
        }),
      );
      const given =
        typeof picture === "string"
          ? picture
          : (picture as { path?: unknown } | null | undefined)?.path;
      described.push({
        group,
        row,
        given: typeof given === "string" ? given : undefined,
        ...describedText(`${file.path} row ${row}`, plain, names),
      });
      row += 1;
    }
  }
  return described;
}

class ParquetPicture implements FoundPicture {
  readonly file: string;
  readonly path: string;
  readonly text: string | undefined;
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly control: ControlPicture | undefined;
  readonly container: string;
  readonly #source: PictureSource;
  readonly #group: number;
  readonly #row: number;

  constructor(file: string, { source, group, row, text, captions, columns, control }: Row) {
    this.file = file;
    this.path = `${source.path}#${row}`;
    this.text = text;
    this.captions = captions;
    this.columns = columns;
    this.control = control;
    this.container = source.container;
    this.#source = source;
    this.#group = group;
    this.#row = row;
  }

  read(): Promise<Uint8Array> {
    return this.#source.read(this.#group, this.#row);
  }
}
