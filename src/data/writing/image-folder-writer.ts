import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeNewFile } from "../../weights/durable-files.ts";
import { stemOf } from "../layouts/picture-names.ts";
import type { DatasetWriter, WrittenPicture } from "./dataset-writer.ts";

/** How a folder of pictures keeps its captions. */
export type CaptionTable = "side-cars" | "jsonl" | "csv" | "captions";

type Row = Pick<WrittenPicture, "file" | "text" | "columns">;

/** Pictures in files of their own, with `.txt` files beside them or with one table. */
export class ImageFolderWriter implements DatasetWriter {
  readonly #folder: string;
  readonly #table: CaptionTable;
  readonly #rows: Row[] = [];

  constructor(folder: string, table: CaptionTable) {
    this.#folder = folder;
    this.#table = table;
  }

  async add(pictures: readonly WrittenPicture[]): Promise<void> {
    await Promise.all(
      pictures.map(async ({ file, bytes, text }) => {
        const path = join(this.#folder, ...file.split("/"));
        await mkdir(dirname(path), { recursive: true });
        await writeNewFile(path, [bytes]);
        if (this.#table === "side-cars") await writeText(`${stemOf(path)}.txt`, `${text}\n`);
      }),
    );
    if (this.#table === "side-cars") return;
    this.#rows.push(...pictures.map(({ file, text, columns }) => ({ file, text, columns })));
  }

  async finish(): Promise<void> {
    const rows = this.#rows;
    switch (this.#table) {
      case "side-cars":
        return;
      case "jsonl":
        return writeText(join(this.#folder, "metadata.jsonl"), jsonLines(rows));
      case "csv":
        return writeText(join(this.#folder, "metadata.csv"), csv(rows));
      case "captions":
        return writeText(join(this.#folder, "captions.json"), captionMap(rows));
    }
  }
}

const writeText = (path: string, text: string): Promise<void> =>
  writeNewFile(path, [Buffer.from(text)]);

/** A list of captions is the caption's column itself. */
const textOrList = ({ text, columns }: Row): unknown =>
  Array.isArray(columns.text) ? columns.text : text;

const jsonLines = (rows: readonly Row[]): string =>
  rows
    .map((row) => {
      const named = { file_name: row.file, text: textOrList(row) };
      return `${JSON.stringify({ ...named, ...row.columns, ...named })}\n`;
    })
    .join("");

const captionMap = (rows: readonly Row[]): string => {
  const map = rows.map((row): [string, unknown] => {
    const text = textOrList(row);
    const isPlain = Object.keys(row.columns).length === 0;
    return [row.file, isPlain ? text : { ...row.columns, text }];
  });
  return `${JSON.stringify(Object.fromEntries(map), undefined, 1)}\n`;
};

function csv(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ columns }) => Object.keys(columns)))].filter(
    (name) => name !== "text" && name !== "file_name",
  );
  const lines = rows.map(({ file, text, columns }) => [
    file,
    text,
    ...names.map((name) => columns[name]),
  ]);
  return [["file_name", "text", ...names], ...lines]
    .map((line) => `${line.map(csvField).join(",")}\n`)
    .join("");
}

function csvField(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
