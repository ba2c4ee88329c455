import { isDeepStrictEqual } from "node:util";
import type { DataRecord, RecordedPicture } from "./data-record.ts";
import { describeKey, pictureKeys } from "./picture-keys.ts";

/** How a data set differs from its earlier state, by {@link pictureKeys}. */
export interface DataChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** With what changed: its caption or other metadata, its picture, or its control picture. */
  readonly edited: readonly (readonly [key: string, what: string])[];
  /** Pictures with the same bytes under a new name. */
  readonly renamed: ReadonlyMap<string, string>;
  /** Whether the unchanged pictures are in a different order. */
  readonly isReordered: boolean;
}

/** Compares a data set's earlier state with its current one. */
export function dataChanges(before: DataRecord, now: DataRecord): DataChanges {
  const were = byKey(before);
  const are = byKey(now);
  const gone = [...were].filter(([key]) => !are.has(key));
  const come = [...are].filter(([key]) => !were.has(key));
  const open = new Map<string, string[]>();
  for (const [key, { bytes }] of come) {
    if (bytes === null) continue;
    const same = open.get(bytes);
    if (same === undefined) open.set(bytes, [key]);
    else same.push(key);
  }
  const renamed = new Map<string, string>();
  for (const [key, { bytes }] of gone) {
    const found = bytes === null ? undefined : open.get(bytes)?.shift();
    if (found !== undefined) renamed.set(key, found);
  }
  const names = new Set(renamed.values());
  const edited = [...were].flatMap(([key, was]) => {
    const is = are.get(renamed.get(key) ?? key);
    const what = is === undefined ? [] : differences(was, is);
    return what.length === 0 ? [] : [[key, what.join(" and ")] as const];
  });
  const others = new Set(edited.map(([key]) => key));
  const kept = (keys: Iterable<string>): string[] =>
    [...keys].filter((key) => were.has(key) && are.has(key) && !others.has(key));
  return {
    added: come.flatMap(([key]) => (names.has(key) ? [] : [key])),
    removed: gone.flatMap(([key]) => (renamed.has(key) ? [] : [key])),
    edited,
    renamed,
    isReordered: !isDeepStrictEqual(kept(were.keys()), kept(are.keys())),
  };
}

function byKey({ pictures }: DataRecord): Map<string, RecordedPicture> {
  const keys = pictureKeys(pictures.map(({ file }) => file));
  return new Map(pictures.map((picture, i) => [keys[i] ?? picture.file, picture]));
}

const differences = (was: RecordedPicture, is: RecordedPicture): string[] => [
  ...(was.words === is.words ? [] : ["its caption, class or split"]),
  ...(was.bytes === is.bytes ? [] : ["the picture"]),
  ...(was.control === is.control ? [] : ["its control picture"]),
];

/** Whether pictures were only added and all earlier ones are unchanged. */
export const onlyGrew = ({ added, removed, edited, renamed, isReordered }: DataChanges): boolean =>
  added.length > 0 &&
  removed.length === 0 &&
  edited.length === 0 &&
  renamed.size === 0 &&
  !isReordered;

const SHOWN = 3;

/** Describes the changes for the user; empty if there are none. */
export function describeDataChanges(changes: DataChanges): string {
  const { added, removed, edited, renamed, isReordered } = changes;
  const listed = <T>(what: string, list: readonly T[], describe: (each: T) => string): string[] => {
    const shown = list.slice(0, SHOWN).map(describe).join("; ");
    return list.length === 0
      ? []
      : [`${list.length} ${what} (${shown}${list.length > SHOWN ? "; …" : ""})`];
  };
  const parts = [
    ...listed("added", added, describeKey),
    ...listed("removed", removed, describeKey),
    ...listed("edited", edited, ([key, what]) => `${describeKey(key)}: ${what}`),
    ...listed(
      "renamed",
      [...renamed],
      ([from, to]) => `${describeKey(from)} to ${describeKey(to)}`,
    ),
    ...(isReordered ? ["its pictures are in another order"] : []),
  ];
  return parts.join(", ");
}
