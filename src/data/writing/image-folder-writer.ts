import { dirname, join } from "node:path";
import { makeFolder } from "../../files/make-folder.ts";
import { writeNewFile } from "../../files/new-file.ts";
import { linesToBytes } from "../../files/reading/lines.ts";
import { formatPythonJson } from "../../files/reading/python-json.ts";
import { MISSING_CELLS } from "../layouts/csv-rows.ts";
import { stemOf } from "../layouts/picture-names.ts";
import { captionsOf } from "../layouts/several-captions.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import type { DatasetWriter, WrittenControl, WrittenPicture } from "./dataset-writer.ts";
import { CONTROL_COLUMN } from "./written-controls.ts";

/** How a folder of pictures stores its captions. */
export type CaptionTable = "side-cars" | "jsonl" | "csv" | "captions";

type Row = Pick<WrittenPicture, "file" | "text" | "captions" | "columns">;

/** Pictures in separate files, with `.txt` files next to them or with one table. */
export class ImageFolderWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #table: CaptionTable;
  readonly #rows: Row[] = [];

  constructor(folder: string, table: CaptionTable) {
    this.#folder = folder;
    this.#table = table;
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    await mapConcurrent(pictures, pictures.length, async ({ file, bytes, text, control }) => {
      const path = await this.#write({ file, bytes });
      if (control !== undefined) await this.#write(control);
      if (this.#table === "side-cars") await writeText(`${stemOf(path)}.txt`, `${text}\n`);
    });
    if (this.#table === "side-cars") return;
    for (const { file, text, captions, columns, control } of pictures) {
      const named = control === undefined ? {} : { [CONTROL_COLUMN]: control.file };
      this.#rows.push({ file, text, captions, columns: { ...columns, ...named } });
    }
  }

  /** Writes a picture, and returns its path. */
  async #write({ file, bytes }: WrittenControl): Promise<string> {
    const path = join(this.#folder, ...file.split("/"));
    await makeFolder(dirname(path));
    await writeNewFile(path, [bytes]);
    return path;
  }

  async finish(): Promise<void> {
    const rows = this.#rows;
    switch (this.#table) {
      case "side-cars":
        return;
      case "jsonl":
        return writeNewFile(join(this.#folder, "metadata.jsonl"), linesToBytes(jsonLines(rows)));
      case "csv":
        return writeNewFile(join(this.#folder, "metadata.csv"), linesToBytes(csvLines(rows)));
      case "captions":
        return writeText(join(this.#folder, "captions.json"), captionMap(rows));
    }
  }
}

const writeText = (path: string, text: string): Promise<void> =>
  writeNewFile(path, [Buffer.from(text)]);

/** Several captions are stored as a list in the caption's column. */
function textOrList(row: Row): unknown {
  const captions = captionsOf(row);
  return captions.length > 1 ? captions : row.text;
}

function* jsonLines(rows: readonly Row[]): Generator<string> {
  for (const row of rows) {
    const named = { file_name: row.file, text: textOrList(row) };
    yield formatPythonJson({ ...named, ...row.columns, ...named });
  }
}

const captionMap = (rows: readonly Row[]): string => {
  const map = rows.map((row): [string, unknown] => {
    const text = textOrList(row);
    const isPlain = Object.keys(row.columns).every((name) => name === "text");
    return [row.file, isPlain ? text : { ...row.columns, text }];
  });
  return `${formatPythonJson(Object.fromEntries(map), " ")}\n`;
};

function* csvLines(rows: readonly Row[]): Generator<string> {
  const names = [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))].filter(
    (name) => name !== "text" && name !== "file_name",
  );
  const lineOf = (fields: readonly unknown[]): string => fields.map(csvField).join(",");
  yield lineOf(["file_name", "text", ...names]);
  // One row per caption of a picture, as in Flickr8k.
  for (const row of rows)
    for (const text of captionsOf(row))
      yield lineOf([row.file, text, ...names.map((name) => row.columns[name])]);
}

/** Numbers as pandas reads them; text that pandas treats as a missing cell is quoted. */
function csvField(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "number" && !Number.isFinite(value)) {
    return String(value).toLowerCase().replace("infinity", "inf");
  }
  const text = typeof value === "object" ? formatPythonJson(value) : String(value);
  const isOdd = /[",\r\n]|^\s|\s$/.test(text) || MISSING_CELLS.has(text);
  return isOdd ? `"${text.replaceAll('"', '""')}"` : text;
}
