import { DatasetError } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import { formatPythonJson } from "../../files/reading/python-json.ts";
import { captionText } from "../caption-text.ts";
import type { DescribedPicture } from "../described-picture.ts";

/** The captions of a picture. */
interface Captioned {
  readonly text: string | undefined;
  readonly captions?: readonly string[] | undefined;
}

/** All captions of a picture, the main one first. */
export const captionsOf = ({ text, captions }: Captioned): readonly string[] =>
  captions ?? (text === undefined ? [] : [text]);

/** The captions in a list that belongs to a caption stored apart from it, which is its first; undefined for any other list. */
export function captionsOfList(
  list: unknown,
  caption: string | undefined,
): readonly string[] | undefined {
  const texts = (Array.isArray(list) ? list : []).flatMap((item: unknown) =>
    typeof item === "string" ? (captionText(item) ?? []) : [],
  );
  return texts.length > 1 && texts[0] === caption ? texts : undefined;
}

/** The columns of a picture with all its captions as a list in `text`, for layouts that store the first one elsewhere. */
export function columnsWithCaptions({
  captions,
  columns,
}: Captioned & Pick<DescribedPicture, "columns">): Readonly<Record<string, unknown>> {
  return captions === undefined ? columns : { ...columns, text: captions };
}

/** Columns with a single value per picture: of several, training could use only one, or would train on held-out pictures. */
export const SINGLE_COLUMNS: readonly string[] = ["split", "thing", "style", "class", "dense_text"];

/**
 * Merges the lines about one picture, of which Flickr8k has five: their captions become a list in its column `text` (in
 * `textColumn` if `text` holds something else), and other columns that differ become lists too. Throws if they differ in a column
 * of `single`, which has one value per picture.
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
        `${other.where}: expected ${quote(values[0])} for the "${name}" of "${other.fileName}", as in ${having[0]?.where}, but found ${quote(other.columns[name])}`,
      );
    }
    return [name, lines.map((line) => line.columns[name] ?? null)];
  });
  const several = captions.length > 1 ? captions : undefined;
  if (several !== undefined) columns.push([list, several]);
  const joined = Object.fromEntries(columns);
  return { ...first, text: captions[0], captions: several, columns: joined };
}
