import type { SplitCount, Unreadable } from "./dataset.ts";

/** Number of different reasons shown. */
const SHOWN = 5;

/** Parts of a reason that concern a single file: paths, names, numbers, where it was named. */
const PARTICULARS = /\s*\([^)]*\)|"[^"]*"|\S*[\\/]\S*|\S+\.\w+|\d+/g;

/** Reasons in lines for the user, the most common first: each with an example file and the number of similar ones. */
export function describeReasons(list: readonly Unreadable[]): string[] {
  const groups = new Map<string, Unreadable[]>();
  // Files are read side by side, so they come in any order.
  for (const item of list.toSorted((a, b) => (a.path < b.path ? -1 : 1))) {
    const kind = item.reason.replaceAll(PARTICULARS, "…");
    const known = groups.get(kind);
    if (known === undefined) groups.set(kind, [item]);
    else known.push(item);
  }
  const sorted = [...groups.values()].sort((a, b) => b.length - a.length);
  const rest = sorted.slice(SHOWN).reduce((sum, { length }) => sum + length, 0);
  return [
    ...sorted
      .slice(0, SHOWN)
      .flatMap(([first, ...others]) =>
        first === undefined
          ? []
          : [
              `${first.path}: ${first.reason}${others.length > 0 ? `; and ${others.length} more like it` : ""}`,
            ],
      ),
    ...(rest > 0 ? [`${rest} for other reasons`] : []),
  ];
}

/** "train (80), test (10, never trained on)" */
export const describeSplits = (splits: readonly SplitCount[]): string =>
  splits
    .map(
      ({ split, pictures, isHeldOut }) =>
        `${split ?? "none named"} (${pictures}${isHeldOut ? ", never trained on" : ""})`,
    )
    .join(", ");
