import type { DatasetEntry } from "../data/dataset.ts";

/** The column of dense captions. */
export const DENSE = "dense_text";

/** A picture's dense caption; undefined if it has none. */
export function denseCaptionOf({ columns }: Pick<DatasetEntry, "columns">): string | undefined {
  const dense = columns[DENSE];
  return typeof dense === "string" && dense.trim() !== "" ? dense : undefined;
}
