import { extname } from "node:path";
import { DatasetError } from "../../errors/index.ts";
import { captionText, decodeCaption, readTable } from "../caption-text.ts";
import {
  type ColumnNames,
  type DescribedPicture,
  describedPicture,
  imageColumnOf,
} from "../described-picture.ts";
import { type CsvRow, csvRows, MISSING_CELLS } from "./csv-rows.ts";

/** The largest integer that pandas parses as a number: that of uint64. */
const LARGEST = 2n ** 64n - 1n;
const SMALLEST = -(2n ** 63n);
const INFINITIES: ReadonlyMap<string, number> = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/**
 * Reads a `metadata.csv` or `captions.csv` with a header line, or a tab-separated `.tsv`, like pandas. A column whose values are
 * all numbers becomes numeric. Throws naming file and line.
 */
export async function readMetadataTable(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const delimiter = extname(path).toLowerCase() === ".tsv" ? "\t" : ",";
  return describedRows(path, await readText(path), delimiter, names);
}

/** Reads a `captions.txt`: a path, a tab and a caption per line, or a table with a header as in Flickr8k. */
export async function readCaptionLines(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const text = await readText(path);
  const [first = ""] = text.split(/[\r\n]/, 1);
  if (!first.includes("\t")) return describedRows(path, text, ",", names);
  const isHeader = imageColumnOf(first.split("\t"), names) !== undefined;
  if (isHeader) return describedRows(path, text, "\t", names);
  return text.split(/\r\n|\r|\n/).flatMap((line, index) => {
    if (line.trim() === "") return [];
    const where = `${path} line ${index + 1}`;
    const tab = line.indexOf("\t");
    if (tab < 1)
      throw new DatasetError(
        `${where}: expected a path, a tab and a caption but found "${line.slice(0, 60)}"`,
      );
    const text = captionText(line.slice(tab + 1));
    return [{ where, fileName: line.slice(0, tab), text, captions: undefined, columns: {} }];
  });
}

async function readText(path: string): Promise<string> {
  const text = decodeCaption(await readTable(path));
  if (text === undefined) throw new DatasetError(`${path}: expected UTF-8 but found other bytes`);
  return text;
}

function describedRows(
  path: string,
  text: string,
  delimiter: string,
  names: ColumnNames,
): DescribedPicture[] {
  const [header, ...rows] = splitTable(path, text, delimiter);
  if (header === undefined || rows.length === 0) return [];
  const columns = columnNames(header.cells);
  const imageColumn = imageColumnOf(columns, names);
  if (imageColumn === undefined) {
    throw new DatasetError(
      `${path} line ${header.line}: expected a column ${names.imageColumn ?? "file_name or image"} but found ${columns.join(", ")}${separatorAdvice(columns)}`,
    );
  }
  const cells = rows.map((row) =>
    columns.map((column, at) => cellOf(row, at, column === imageColumn)),
  );
  const words = [...TEXTUAL, names.imageColumn, names.textColumn];
  const isNumeric = columns.map(
    (column, at) =>
      !words.includes(column) &&
      cells.some((row) => row[at] !== undefined) &&
      cells.every((row) => typeof row[at] !== "string" || numberOf(row[at]) !== undefined),
  );
  return rows.map(({ line }, index) => {
    const record: Record<string, unknown> = {};
    for (const [at, column] of columns.entries()) {
      const cell = cells[index]?.[at];
      const value = typeof cell === "string" && isNumeric[at] ? numberOf(cell) : cell;
      // Text columns have no NaN: there the cell is missing.
      if (value !== undefined && (isNumeric[at] || typeof value === "string"))
        record[column] = value;
    }
    return describedPicture(`${path} line ${line}`, record, names);
  });
}

/** Columns of paths and captions: they stay text even if all values look like numbers. */
const TEXTUAL = ["file_name", "image", "file", "text", "caption", "prompt", "dense_text"];

/** A cell: undefined if missing, NaN if it says so. A path may be any text. */
function cellOf(
  { cells, quoted }: CsvRow,
  at: number,
  isPath: boolean,
): string | number | undefined {
  const cell = cells[at] ?? "";
  if (cell === "") return undefined;
  if (isPath || quoted.has(at) || !MISSING_CELLS.has(cell)) return cell;
  return cell.toLowerCase().endsWith("nan") ? Number.NaN : undefined;
}

/**
 * The number in a cell, spelled as JavaScript, JSON or Python write it; undefined for any other text, so that nothing is lost
 * from "007", "1e3" and "1.10".
 */
function numberOf(cell: string): number | bigint | undefined {
  const infinity = INFINITIES.get(cell);
  if (infinity !== undefined) return infinity;
  if (/^-?[1-9]\d*$/.test(cell)) {
    const whole = BigInt(cell);
    if (whole < SMALLEST || whole > LARGEST) return undefined;
    return Number.isSafeInteger(Number(cell)) ? Number(cell) : whole;
  }
  const value = Number(cell);
  // Python writes 2.0 and 1e-05; JavaScript writes 2 and 0.00001.
  const spellings = [String(value), value.toExponential()];
  const plain = cell.replace(/\.0$/, "").replace(/e([+-])0(?=\d$)/, "e$1");
  return spellings.includes(plain) && Number.isFinite(value) ? value : undefined;
}

/** Column names made unique as in pandas: the first of equal names is kept, an empty one is numbered. */
function columnNames(header: readonly string[]): string[] {
  const taken = new Set(header);
  const given = new Set<string>();
  return header.map((cell, at) => {
    let name = cell === "" ? `Unnamed: ${at}` : cell;
    if (given.has(name)) {
      let number = 1;
      while (taken.has(`${cell}.${number}`)) number += 1;
      name = `${cell}.${number}`;
    }
    taken.add(name);
    given.add(name);
    return name;
  });
}

function splitTable(path: string, text: string, delimiter: string): CsvRow[] {
  let rows: CsvRow[];
  try {
    rows = csvRows(text, delimiter);
  } catch (error) {
    throw new DatasetError(
      `${path}: expected comma- or tab-separated values but ${(error as Error).message}`,
      { cause: error },
    );
  }
  const count = rows[0]?.cells.length ?? 0;
  const long = rows.find(({ cells }) => cells.length > count);
  if (long !== undefined) {
    throw new DatasetError(
      `${path} line ${long.line}: expected ${count} fields, as in the header, but found ${long.cells.length}; put quotes around a field that contains ${delimiter === "\t" ? "tabs" : "commas"}`,
    );
  }
  return rows;
}

/** Advice if the whole header is a single cell. */
function separatorAdvice([only = "", ...more]: readonly string[]): string {
  const separator = [";", "\t", "|"].find((mark) => only.includes(mark));
  if (more.length > 0 || separator === undefined) return "";
  return `; separate columns with commas${separator === "\t" ? ", or name the file metadata.tsv" : ""}`;
}
