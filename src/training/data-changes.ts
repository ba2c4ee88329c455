import type { DataRecord, RecordedPicture } from "./data-record.ts";

/** What is another in a data set than it was, by name. */
export interface DataChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** And what of it: its caption, or another word about it; its picture; its control picture. */
  readonly edited: readonly (readonly [file: string, what: string])[];
  /** Pictures of the same bytes under another name. */
  readonly renamed: ReadonlyMap<string, string>;
}

/** Compares what a data set was with what it is. */
export function dataChanges(before: DataRecord, now: DataRecord): DataChanges {
  const were = byName(before);
  const are = byName(now);
  const gone = before.pictures.filter(({ file }) => !are.has(file));
  const come = now.pictures.filter(({ file }) => !were.has(file));
  const renamed = new Map<string, string>();
  const open = new Map<string, RecordedPicture[]>();
  for (const picture of come)
    if (picture.bytes !== null)
      open.set(picture.bytes, [...(open.get(picture.bytes) ?? []), picture]);
  for (const { file, bytes } of gone) {
    const found = bytes === null ? undefined : open.get(bytes)?.shift();
    if (found !== undefined) renamed.set(file, found.file);
  }
  const names = new Set(renamed.values());
  return {
    added: come.flatMap(({ file }) => (names.has(file) ? [] : [file])),
    removed: gone.flatMap(({ file }) => (renamed.has(file) ? [] : [file])),
    edited: before.pictures.flatMap((was) => {
      const is = are.get(renamed.get(was.file) ?? was.file);
      const what = is === undefined ? [] : differences(was, is);
      return what.length === 0 ? [] : [[was.file, what.join(" and ")] as const];
    }),
    renamed,
  };
}

const byName = ({ pictures }: DataRecord): Map<string, RecordedPicture> =>
  new Map(pictures.map((picture) => [picture.file, picture]));

const differences = (was: RecordedPicture, is: RecordedPicture): string[] => [
  ...(was.words === is.words ? [] : ["its caption, class or split"]),
  ...(was.bytes === is.bytes ? [] : ["the picture"]),
  ...(was.control === is.control ? [] : ["its control picture"]),
];

/** Whether nothing but more pictures is new. */
export const onlyGrew = ({ removed, edited, renamed }: DataChanges): boolean =>
  removed.length === 0 && edited.length === 0 && renamed.size === 0;

const SHOWN = 3;

/** For people; undefined where nothing changed. */
export function describeDataChanges(changes: DataChanges): string | undefined {
  const { added, removed, edited, renamed } = changes;
  const listed = (what: string, names: readonly string[]): string[] =>
    names.length === 0
      ? []
      : [
          `${names.length} ${what} (${names.slice(0, SHOWN).join("; ")}${names.length > SHOWN ? "; …" : ""})`,
        ];
  const parts = [
    ...listed("added", added),
    ...listed("removed", removed),
    ...listed(
      "edited",
      edited.map(([file, what]) => `${file}: ${what}`),
    ),
    ...listed(
      "renamed",
      [...renamed].map(([from, to]) => `${from} to ${to}`),
    ),
  ];
  return parts.length === 0 ? undefined : parts.join(", ");
}
