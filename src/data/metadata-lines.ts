import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";

/** One line of a `metadata.jsonl`. */
export interface MetadataLine {
  /** Where it stands, for messages: path and line number, counted from 1. */
  readonly where: string;
  readonly fileName: string;
  /** The caption; empty where the line has none. */
  readonly text: string;
  readonly columns: Readonly<Record<string, unknown>>;
}

/**
 * Reads a `metadata.jsonl`: one object a line with `file_name`, `text` and any other columns.
 * Throws naming file and line for what is not UTF-8, not JSON, or of the wrong type.
 */
export async function readMetadataLines(path: string): Promise<MetadataLine[]> {
  const bytes = await readFile(path);
  const lines: MetadataLine[] = [];
  let start = 0;
  for (let number = 1; start < bytes.length; number += 1) {
    const newline = bytes.indexOf(10, start);
    const end = newline < 0 ? bytes.length : newline;
    const line = parseLine(`${path} line ${number}`, bytes.subarray(start, end));
    if (line !== undefined) lines.push(line);
    start = end + 1;
  }
  return lines;
}

/** Undefined for a blank line. */
function parseLine(where: string, bytes: Buffer): MetadataLine | undefined {
  if (!isUtf8(bytes)) throw new Error(`${where}: expected UTF-8 but found other bytes`);
  const json = bytes.toString("utf8").replace(/^\ufeff/, "");
  if (json.trim() === "") return undefined;
  const record = parseJson(where, json);
  if (typeof record !== "object" || record === null || Array.isArray(record)) {
    throw new Error(`${where}: expected a JSON object but found ${shown(record)}`);
  }
  const { file_name: fileName, text, ...columns } = record as Record<string, unknown>;
  if (typeof fileName !== "string" || fileName === "") {
    throw new Error(`${where}: expected a path for "file_name" but found ${shown(fileName)}`);
  }
  if (text !== undefined && text !== null && typeof text !== "string") {
    throw new Error(`${where}: expected a string for "text" but found ${shown(text)}`);
  }
  return { where, fileName, text: text ?? "", columns };
}

function parseJson(where: string, json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new Error(`${where}: expected JSON but found ${shown(json.trim())}`, { cause: error });
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
