import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { DatasetEntry, DatasetOptions } from "../data/dataset.ts";
import { type ColumnNames, describedPicture } from "../data/described-picture.ts";
import { linesOf } from "../data/file-lines.ts";
import { innerName } from "../data/layouts/list-files.ts";
import { convertDataset } from "../data/writing/convert-dataset.ts";
import { writeNewFile } from "../files/new-file.ts";
import { linesToBytes } from "../files/reading/lines.ts";
import {
  formatPythonJson,
  parsePythonJson,
  type ReadNumber,
} from "../files/reading/python-json.ts";
import { RawNumber } from "../files/reading/strict-json.ts";
import { replaceFile } from "../files/replace-file.ts";
import { Staging } from "../files/staging.ts";
import { DENSE, denseCaptionOf } from "./dense-caption.ts";

/** Dense captions by the picture's name. */
export type DenseCaptions = ReadonlyMap<string, { readonly caption: string }>;

/**
 * Writes dense captions into a folder's `metadata.jsonl` as `dense_text`, into every line about a picture. Existing lines keep
 * their other fields, and pictures without a line get one. The raw caption stays `text`; a picture without one gets the dense
 * caption for both, because training needs a `text`. A dense caption that someone has written since the data set was read stays.
 * The previous file is kept as `metadata.before-captions.jsonl`, or under the first free name with a number. If nothing would
 * change, nothing is written. Returns the number of pictures with captions to write.
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
  const isThere = existsSync(metadata);
  const lines: string[] = [];
  const described = new Set<DatasetEntry>();
  let isChanged = false;
  for await (const { text, where } of isThere ? linesOf(metadata) : []) {
    const { fileName } = describedPicture(where, recordOf(text), names);
    // Names may have been written on Windows.
    const files = [fileName, fileName.replaceAll("\\", "/")].map((name) =>
      innerName(dirname(metadata), resolve(dirname(metadata), name)),
    );
    const file = files.find((name) => open.has(name)) ?? fileName;
    const entry = open.get(file);
    if (entry !== undefined) described.add(entry);
    const line =
      entry === undefined ? text : captionedLine(text, entry, said(entry, captions, names, false));
    isChanged ||= line !== text;
    lines.push(line);
  }
  for (const entry of open.values()) {
    if (described.has(entry)) continue;
    isChanged = true;
    const path = { [names.imageColumn ?? "file_name"]: entry.file };
    lines.push(formatPythonJson({ ...path, ...said(entry, captions, names, true) }));
  }
  if (isChanged) {
    if (isThere) await keepPrevious(metadata);
    await replaceFile(metadata, linesToBytes(lines));
  }
  return open.size;
}

/** A line with a picture's new fields; the line itself if its dense caption was changed since the data set was read. */
function captionedLine(line: string, entry: DatasetEntry, news: Record<string, string>): string {
  // Numbers keep their spelling: an id may have more digits than a double.
  const record = recordOf(line, (spelling) => new RawNumber(spelling));
  const dense = denseCaptionOf({ columns: record });
  const isByHand = dense !== undefined && dense !== denseCaptionOf(entry);
  const isNews = Object.entries(news).some(([key, value]) => record[key] !== value);
  return isNews && !isByHand ? formatPythonJson({ ...record, ...news }) : line;
}

/** Copies a file to a new name next to it. Earlier copies stay. */
async function keepPrevious(metadata: string): Promise<void> {
  const name = join(dirname(metadata), "metadata.before-captions");
  let copy = `${name}.jsonl`;
  for (let number = 2; existsSync(copy); number += 1) copy = `${name}-${number}.jsonl`;
  await using staging = await Staging.beside(copy);
  await writeNewFile(staging.path, [await readFile(metadata)]);
  await staging.publish();
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
