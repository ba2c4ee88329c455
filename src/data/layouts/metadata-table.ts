import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { CsvError, parse } from "csv-parse/sync";
import {
  type ColumnNames,
  type DescribedPicture,
  describedPicture,
  imageColumnOf,
} from "../described-picture.ts";

/** As `JSON.stringify` would write it: "007" and "1e3" stay text. */
const isNumber = (text: string): boolean => String(Number(text)) === text && text !== "NaN";

/**
 * Reads a `metadata.csv` or `captions.csv` with a header line. A column whose every value is a
 * number becomes numbers. Throws naming file and line.
 */
export async function readMetadataTable(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const { rows, lines } = parseTable(path, await readText(path));
  const columns = Object.keys(rows[0] ?? {});
  if (rows.length > 0 && imageColumnOf(columns, names) === undefined) {
    throw new Error(
      `${path} line 1: expected a column ${names.imageColumn ?? "file_name or image"} but found ${columns.join(", ")}`,
    );
  }
  const numeric = columns.filter((name) =>
    rows.every((row) => row[name] === "" || isNumber(row[name] ?? "")),
  );
  return rows.map((row, index) => {
    const record: Record<string, unknown> = { ...row };
    for (const name of columns) if (row[name] === "") delete record[name];
    for (const name of numeric) if (row[name] !== "") record[name] = Number(row[name]);
    return describedPicture(`${path} line ${lines[index]}`, textual(record, row, names), names);
  });
}

/** Path and caption stay text where all of them look like numbers. */
function textual(
  record: Record<string, unknown>,
  row: Readonly<Record<string, string>>,
  { imageColumn, textColumn }: ColumnNames,
): Record<string, unknown> {
  const kept = ["file_name", "image", "file", "text", "caption", "prompt", imageColumn, textColumn];
  for (const name of kept) {
    if (name !== undefined && typeof record[name] === "number") record[name] = row[name];
  }
  return record;
}

/** Reads a `captions.txt`: a path, a tab and its caption on each line, or a table with a header as Flickr8k has it. */
export async function readCaptionLines(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const text = await readText(path);
  if (!/^[^\r\n]*\t/.test(text)) return readMetadataTable(path, names);
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const where = `${path} line ${index + 1}`;
    const tab = line.indexOf("\t");
    if (tab < 1)
      throw new Error(
        `${where}: expected a path, a tab and a caption but found "${line.slice(0, 60)}"`,
      );
    const text = line.slice(tab + 1).trim();
    return [{ where, fileName: line.slice(0, tab), text: text || undefined, columns: {} }];
  });
}

async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (!isUtf8(bytes)) throw new Error(`${path}: expected UTF-8 but found other bytes`);
  return bytes.toString("utf8").replace(/^\ufeff/, "");
}

function parseTable(
  path: string,
  text: string,
): { rows: Record<string, string>[]; lines: number[] } {
  try {
    const records = parse<{ record: Record<string, string>; info: { lines: number } }>(text, {
      columns: true,
      info: true,
      skip_empty_lines: true,
    });
    // The parser counts the line on which a record ends; a quoted caption may have begun above it.
    return {
      rows: records.map(({ record }) => record),
      lines: records.map(({ info }) => info.lines),
    };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Error(`${path}: expected a table of comma-separated values: ${error.message}`, {
      cause: error,
    });
  }
}
