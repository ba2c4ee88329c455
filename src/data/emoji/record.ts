import type { EmojiStyle } from "./packages.ts";

/** A line of `metadata.jsonl`. */
export interface EmojiRecord {
  /** Path of the picture below the dataset's folder, with `/`. */
  readonly file_name: string;
  readonly text: string;
  readonly dense_text: string;
  readonly thing: string;
  /** Index of the thing among all things, whichever sets were rendered. */
  readonly class: number;
  readonly style: EmojiStyle;
  readonly split: "train" | "heldout";
  readonly group: string;
  /** SPDX identifier of the drawing's licence. */
  readonly license: string;
  /** The drawing: package, version and name within it. */
  readonly source: string;
}
