import { BadFileError, quote } from "../../files/reading/errors.ts";
import { parsePythonJson } from "../../files/reading/python-json.ts";
import { captionText, decodeCaption, readTable } from "../caption-text.ts";
import { type ColumnNames, type DescribedPicture, describedText } from "../described-picture.ts";

/**
 * Reads a `captions.json`: paths to captions, or to objects with a caption and other columns, as
 * kohya's fine-tuning metadata has it; a path may leave out the picture's extension. Throws BadFileError.
 */
export async function readCaptionMap(
  path: string,
  names: ColumnNames,
): Promise<DescribedPicture[]> {
  const map = await readMap(path);
  return Object.entries(map).map(([fileName, value]: [string, unknown]) => {
    const where = `${path} at ${quote(fileName)}`;
    const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
    const record = isRecord ? (value as Record<string, unknown>) : { text: value };
    const described = describedText(where, record, isRecord ? names : {});
    const text = isKohyas(record, names) ? withTags(described.text, record.tags) : described.text;
    const captions = text === described.text ? described.captions : undefined;
    return { where, fileName, ...described, text, captions };
  });
}

async function readMap(path: string): Promise<object> {
  const text = decodeCaption(await readTable(path));
  if (text === undefined) throw new BadFileError(path, "content", "UTF-8", "other bytes");
  let map: unknown;
  try {
    map = parsePythonJson(text);
  } catch (error) {
    throw new BadFileError(path, "content", "JSON", (error as Error).message);
  }
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw new BadFileError(path, "content", "an object of paths and captions", quote(map));
  }
  return map;
}

/** kohya's metadata has `caption` and `tags`; elsewhere a column of tags is not part of the caption. */
const isKohyas = (record: Record<string, unknown>, { textColumn }: ColumnNames): boolean =>
  textColumn === undefined && !("text" in record) && !("prompt" in record);

/**
 * Caption and tags as kohya trains on them (sd-scripts, library/train_util.py, FineTuningDataset): joined, or whichever exists.
 */
function withTags(caption: string | undefined, tags: unknown): string | undefined {
  const words = typeof tags === "string" ? captionText(tags) : undefined;
  return [caption, words].filter((part) => part !== undefined).join(", ") || undefined;
}
