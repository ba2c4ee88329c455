import type { DatasetEntry, DatasetOptions, WrittenLayout } from "../dataset.ts";
import { CONTROL_COLUMNS } from "../described-picture.ts";

/** The column of control pictures in a written data set. */
export const [CONTROL_COLUMN] = CONTROL_COLUMNS;

/** Layouts whose readers find control pictures. */
const HOLDING: ReadonlySet<WrittenLayout> = new Set(["jsonl", "csv", "captions", "parquet"]);

/** Entries whose columns no longer name pictures of the old data set. */
export interface MovedControls {
  /** Entries have a control picture if the new layout can hold it. */
  readonly entries: readonly DatasetEntry[];
  /** Columns of control pictures that are not in the new data set. */
  readonly lostColumns: readonly string[];
}

/** Prepares the control pictures of a data set for another layout: their old paths mean nothing there. */
export function moveControls(
  entries: readonly DatasetEntry[],
  to: WrittenLayout,
  { controlColumn, controlFolder }: DatasetOptions = {},
): MovedControls {
  const naming = [...(controlColumn === undefined ? [] : [controlColumn]), ...CONTROL_COLUMNS];
  const lost = new Set<string>();
  const moved = entries.map((entry) => {
    const { file, path, text, captions, columns } = entry;
    const named = naming.filter((name) => isGiven(columns[name]));
    const control = HOLDING.has(to) ? entry.control : undefined;
    // The first one that exists is the one that was read.
    const isKept = (name: string): boolean =>
      control !== undefined && name === named[0] && controlFolder === undefined;
    for (const name of named) if (!isKept(name)) lost.add(name);
    if (control === undefined && entry.control !== undefined && named.length === 0)
      lost.add(CONTROL_COLUMN);
    if (named.length === 0 && control === entry.control) return entry;
    const others = Object.entries(columns).filter(([name]) => !named.includes(name));
    const rest = Object.fromEntries(others);
    return { file, path, text, captions, columns: rest, control, read: () => entry.read() };
  });
  return { entries: moved, lostColumns: [...lost] };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== "";

/** A folder for control pictures that holds none of the pictures. */
export function controlFolderBeside(entries: readonly Pick<DatasetEntry, "file">[]): string {
  let folder = "control";
  while (entries.some(({ file }) => file.startsWith(`${folder}/`))) folder += "_";
  return folder;
}
