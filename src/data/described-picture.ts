import { DatasetError } from "../errors/index.ts";
import { quote } from "../files/reading/errors.ts";
import { captionText } from "./caption-text.ts";
import type { DatasetOptions } from "./dataset.ts";

/** What a line of a table contains about one picture. */
export interface DescribedPicture {
  /** Its location, for messages: path and line, counted from 1. */
  readonly where: string;
  readonly fileName: string;
  /** The caption; undefined if the line has none. */
  readonly text: string | undefined;
  /** All captions, `text` first, if there are several. */
  readonly captions: readonly string[] | undefined;
  readonly columns: Readonly<Record<string, unknown>>;
}

/** The columns of picture, caption and control picture, if not the usual ones. */
export type ColumnNames = Pick<DatasetOptions, "imageColumn" | "textColumn" | "controlColumn">;

/** Hugging Face's imagefolder uses `file_name` and `text`, diffengine `image`, PixArt's lists `prompt`. */
const IMAGE_COLUMNS = ["file_name", "image", "file"] as const;
const TEXT_COLUMNS = ["text", "caption", "prompt"] as const;
/** The usual columns of control pictures. The second is used in diffusers' examples. */
export const CONTROL_COLUMNS = ["control_image", "conditioning_image"] as const;

/** The picture's column among the existing ones; undefined if there is none. */
export const imageColumnOf = (
  names: readonly string[],
  { imageColumn }: ColumnNames,
): string | undefined => chosen(names, imageColumn, IMAGE_COLUMNS);

/** The caption's column among the existing ones; undefined if there is none. */
export const textColumnOf = (
  names: readonly string[],
  { textColumn }: ColumnNames,
): string | undefined => chosen(names, textColumn, TEXT_COLUMNS);

/** The control picture's column among the existing ones; undefined if there is none. */
export const controlColumnOf = (
  names: readonly string[],
  { controlColumn }: ColumnNames,
): string | undefined => chosen(names, controlColumn, CONTROL_COLUMNS);

const chosen = (
  names: readonly string[],
  wanted: string | undefined,
  usual: readonly string[],
): string | undefined =>
  (wanted === undefined ? usual : [wanted]).find((name) => names.includes(name));

/** Splits a record into path, caption and the rest. Throws for a value of the wrong type, naming its location. */
export function describedPicture(
  where: string,
  record: Readonly<Record<string, unknown>>,
  names: ColumnNames,
): DescribedPicture {
  const keys = Object.keys(record);
  const imageColumn = imageColumnOf(keys, names) ?? names.imageColumn ?? IMAGE_COLUMNS[0];
  const fileName = record[imageColumn];
  if (typeof fileName !== "string" || fileName === "") {
    throw new DatasetError(
      `${where}: expected a path for "${imageColumn}" but found ${quote(fileName)}`,
    );
  }
  return { where, fileName, ...describedText(where, record, names, imageColumn) };
}

/** The caption of a record and its other columns, without the picture's. */
export function describedText(
  where: string,
  record: Readonly<Record<string, unknown>>,
  names: ColumnNames,
  imageColumn?: string,
): Pick<DescribedPicture, "text" | "captions" | "columns"> {
  const textColumn =
    textColumnOf(Object.keys(record), names) ?? names.textColumn ?? TEXT_COLUMNS[0];
  const value = record[textColumn];
  const columns: Record<string, unknown> = Object.fromEntries(
    Object.entries(record).filter(([name]) => name !== imageColumn && name !== textColumn),
  );
  // A list of captions becomes the column `text` whatever its name, unless a column of that name holds something else.
  const captions = captionsIn(where, textColumn, value);
  if (captions.length < 2) return { text: captions[0], captions: undefined, columns };
  columns["text" in columns ? textColumn : "text"] = value;
  return { text: captions[0], captions, columns };
}

/** The captions in a text or a list of texts. */
function captionsIn(where: string, column: string, value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  // pandas and Python's json write NaN for a missing caption.
  const texts = list.filter((text) => text !== undefined && text !== null && !Number.isNaN(text));
  if (!texts.every((text) => typeof text === "string")) {
    throw new DatasetError(`${where}: expected a string for "${column}" but found ${quote(value)}`);
  }
  return texts.flatMap((text) => captionText(text) ?? []);
}
