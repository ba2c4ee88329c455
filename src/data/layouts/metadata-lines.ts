import { DatasetError } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import { parsePythonJson } from "../../files/reading/python-json.ts";
import { type ColumnNames, type DescribedPicture, describedPicture } from "../described-picture.ts";
import { linesOf } from "../file-lines.ts";

/**
 * Reads a `metadata.jsonl`: one object per line with the picture's path, its caption and any other columns, including Python's
 * NaN and integers of any length. Throws, naming file and line, for anything that is not UTF-8, not JSON, or of the wrong type.
 */
export async function readMetadataLines(
  path: string,
  names: ColumnNames = {},
): Promise<DescribedPicture[]> {
  const lines: DescribedPicture[] = [];
  for await (const { where, text } of linesOf(path)) {
    const record = parseJson(where, text);
    if (typeof record !== "object" || record === null || Array.isArray(record)) {
      throw new DatasetError(`${where}: expected a JSON object but found ${quote(record)}`);
    }
    lines.push(describedPicture(where, record as Record<string, unknown>, names));
  }
  return lines;
}

function parseJson(where: string, json: string): unknown {
  try {
    return parsePythonJson(json);
  } catch (error) {
    throw new DatasetError(`${where}: expected JSON but found ${quote(json)}`, { cause: error });
  }
}
