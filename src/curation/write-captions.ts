import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { DatasetEntry, DatasetOptions } from "../data/dataset.ts";
import { type ColumnNames, describedPicture } from "../data/described-picture.ts";
import { linesOf } from "../data/file-lines.ts";
import { innerName } from "../data/layouts/list-files.ts";
import { convertDataset } from "../data/writing/convert-dataset.ts";
import { linesToBytes } from "../files/reading/lines.ts";
import {
  formatPythonJson,
  parsePythonJson,
  type ReadNumber,
} from "../files/reading/python-json.ts";
import { RawNumber } from "../files/reading/strict-json.ts";
import { replaceFile } from "../files/replace-file.ts";

/** Dense captions by the picture's name. */
export type DenseCaptions = ReadonlyMap<string, { readonly caption: string }>;

const DENSE = "dense_text";

/**
 * Writes dense captions into a folder's `metadata.jsonl` as `dense_text`. Existing lines keep their other fields, and pictures
 * without a line get one. The raw caption stays `text`; a picture without one gets the dense caption for both, because training
 * needs a `text`. The file from before the first call is kept as `metadata.before-captions.jsonl`. Returns the number of pictures
 * that now have captions.
 */
export async function writeCaptionsBeside(
  metadata: string,
  entries: readonly DatasetEntry[],
  captions: DenseCaptions,
  names: ColumnNames = {},
): Promise<number> {
  const open = new Map(
    entries.flatMap((entry) => (captions.has(entry.file) ? [[entry.file, entry] as const] : [])),
  );
  const count = open.size;
  const isThere = existsSync(metadata);
  const lines: string[] = [];
  for await (const { text, where } of isThere ? linesOf(metadata) : []) {
    const { fileName } = describedPicture(where, recordOf(text), names);
    // Names may have been written on Windows.
    const files = [fileName, fileName.replaceAll("\\", "/")].map((name) =>
      innerName(dirname(metadata), resolve(dirname(metadata), name)),
    );
    const file = files.find((name) => open.has(name)) ?? fileName;
    const entry = open.get(file);
    open.delete(file);
    // Numbers keep their spelling: an id may have more digits than a double.
    const record = entry && recordOf(text, (spelling) => new RawNumber(spelling));
    const line = record && formatPythonJson({ ...record, ...said(entry, captions, names, false) });
    lines.push(line ?? text);
  }
  for (const entry of open.values()) {
    const path = { [names.imageColumn ?? "file_name"]: entry.file };
    lines.push(formatPythonJson({ ...path, ...said(entry, captions, names, true) }));
  }
  const earlier = join(dirname(metadata), "metadata.before-captions.jsonl");
  if (isThere && !existsSync(earlier)) await replaceFile(earlier, [await readFile(metadata)]);
  await replaceFile(metadata, linesToBytes(lines));
  return count;
}

const recordOf = (json: string, number?: ReadNumber<RawNumber>): Record<string, unknown> =>
  parsePythonJson(json, number) as Record<string, unknown>;

/** The new fields of a picture: its dense caption, and its raw one if the line has none. */
function said(
  { file, text }: DatasetEntry,
  captions: DenseCaptions,
  names: ColumnNames,
  isNewLine: boolean,
): Record<string, string> {
  const dense = captions.get(file)?.caption ?? "";
  const textColumn = names.textColumn ?? "text";
  if (text === "") return { [textColumn]: dense, [DENSE]: dense };
  return isNewLine ? { [textColumn]: text, [DENSE]: dense } : { [DENSE]: dense };
}

/** Options of `writeCaptionedDataset`. */
export interface CaptionedDatasetOptions {
  /** How the data set is read. */
  readonly read: DatasetOptions;
  /** Called as pictures are written. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Writes a data set of any layout as a new folder with a `metadata.jsonl`, its pictures' bytes unchanged, with dense captions
 * added as `dense_text`. Staged: the folder gets its name when everything is on disk.
 */
export async function writeCaptionedDataset(
  location: string,
  out: string,
  captions: DenseCaptions,
  { read, onProgress }: CaptionedDatasetOptions,
): Promise<number> {
  const { pictures } = await convertDataset(location, out, {
    to: "jsonl",
    read: { ...read, acceptUncaptioned: true },
    describe: ({ file, text, columns }) => {
      const dense = captions.get(file)?.caption;
      if (dense === undefined) return { text, columns };
      return { text: text === "" ? dense : text, columns: { ...columns, [DENSE]: dense } };
    },
    ...(onProgress !== undefined && { onProgress }),
  });
  return pictures;
}
