import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import { BadFileError, quote } from "../../weights/errors.ts";
import { type ColumnNames, type DescribedPicture, describedText } from "../described-picture.ts";

/**
 * Reads a `captions.json`: paths to captions, or to objects with a caption and other columns, as
 * kohya's fine-tuning metadata has it; a path may leave out the picture's extension, `stems` says
 * which file it means. Throws BadFileError.
 */
export async function readCaptionMap(
  path: string,
  names: ColumnNames,
  stems: ReadonlyMap<string, string>,
): Promise<DescribedPicture[]> {
  let map: unknown;
  try {
    map = JSON.parse((await readFile(path, "utf8")).replace(/^\ufeff/, ""));
  } catch (error) {
    throw new BadFileError(path, "content", "JSON", (error as Error).message);
  }
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new BadFileError(path, "content", "an object of paths and captions", quote(map));
  }
  return Object.entries(map).map(([name, value]: [string, unknown]) => {
    const where = `${path} at ${quote(name)}`;
    const fileName = extname(name) === "" ? (stems.get(name) ?? name) : name;
    const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
    const record = isRecord ? (value as Record<string, unknown>) : { text: value };
    return { where, fileName, ...describedText(where, record, isRecord ? names : {}) };
  });
}
