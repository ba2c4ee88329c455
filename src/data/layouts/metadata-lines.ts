import { quote } from "../../weights/errors.ts";
import { parsePythonJson } from "../../weights/python-json.ts";
import { LARGEST_FILE } from "../../weights/whole-file.ts";
import { decodeCaption, inUtf8, readTable } from "../caption-text.ts";
import { type ColumnNames, type DescribedPicture, describedPicture } from "../described-picture.ts";

/**
 * Reads a `metadata.jsonl`: one object a line with the picture's path, its caption and any other
 * columns, with Python's NaN and whole numbers of any length. Throws naming file and line for what is not UTF-8, not JSON, or of the wrong type.
 */
export async function readMetadataLines(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const bytes = inUtf8(await readTable(path));
  const lines: DescribedPicture[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number += 1) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    const where = `${path} line ${number}`;
    const record = parseLine(where, bytes.subarray(start, end));
    if (record !== undefined) lines.push(describedPicture(where, record, names));
    start = end + 1;
  }
  return lines;
}

/** Undefined for a blank line. */
function parseLine(where: string, bytes: Buffer): Record<string, unknown> | undefined {
  if (bytes.length > LARGEST_FILE.caption) {
    throw new Error(
      `${where}: expected at most ${LARGEST_FILE.caption} bytes but found ${bytes.length}`,
    );
  }
  const json = decodeCaption(bytes);
  if (json === undefined) throw new Error(`${where}: expected UTF-8 but found other bytes`);
  if (json.trim() === "") return undefined;
  const record = parseJson(where, json);
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new Error(`${where}: expected a JSON object but found ${quote(record)}`);
  }
  return record as Record<string, unknown>;
}

function parseJson(where: string, json: string): unknown {
  try {
    return parsePythonJson(json);
  } catch (error) {
    throw new Error(`${where}: expected JSON but found ${quote(json.trim())}`, { cause: error });
  }
}
