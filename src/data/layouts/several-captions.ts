import { DatasetError } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import { formatPythonJson } from "../../files/reading/python-json.ts";
import { captionText } from "../caption-text.ts";
import type { DescribedPicture } from "../described-picture.ts";

/** What a picture is described with: its caption and its columns, of which `text` may hold several captions. */
type Described = Pick<DescribedPicture, "text" | "columns">;

/** All captions of a picture, the one that stands for it first: those of the list in its column `text`, where that is its list. */
export function captionsOf({ text, columns: { text: list } }: Described): string[] {
  if (text === undefined) return [];
  const texts = (Array.isArray(list) ? list : []).flatMap((item: unknown) =>
    typeof item === "string" ? (captionText(item) ?? []) : [],
  );
  // Another caption may have been put in the place of the picture's own, such as DreamBooth's.
  return texts[0] === text ? texts : [text];
}

/** Columns of which a picture has one value: of several, training could take but one, or would train on what is held out. */
export const SINGLE_COLUMNS: readonly string[] = ["split", "thing", "style", "class", "dense_text"];

/**
 * Joins the lines on one picture, as Flickr8k has five: their captions become the list in its column `text` (in `textColumn`
 * where that one holds something else), and other columns that differ become lists too. Throws where they differ in a column
 * of `single`, of which a picture has one value.
 */
export function joinLines(
  lines: readonly [DescribedPicture, ...DescribedPicture[]],
  textColumn: string,
  single: readonly string[],
): DescribedPicture {
  const [first, ...others] = lines;
  if (others.length === 0) return first;
  const captions = [...new Set(lines.flatMap(captionsOf))];
  const names = new Set(lines.flatMap(({ columns }) => Object.keys(columns)));
  const hasOtherText = lines.some(
    ({ columns: { text } }) => text !== undefined && !Array.isArray(text),
  );
  const list = hasOtherText ? textColumn : "text";
  names.delete(list);
  const columns = [...names].map((name): [string, unknown] => {
    const having = lines.filter((line) => line.columns[name] !== undefined);
    const values = having.map((line) => line.columns[name]);
    const other = having.find(
      (line) => formatPythonJson(line.columns[name]) !== formatPythonJson(values[0]),
    );
    if (other === undefined) return [name, values[0]];
    if (single.includes(name)) {
      throw new DatasetError(
        `${other.where}: expected the "${name}" of "${other.fileName}" at ${having[0]?.where}, ${quote(values[0])}, but found ${quote(other.columns[name])}`,
      );
    }
    return [name, lines.map((line) => line.columns[name] ?? null)];
  });
  if (captions.length > 1) columns.push([list, captions]);
  return { ...first, text: captions[0], columns: Object.fromEntries(columns) };
}
