import { basename, dirname, join } from "node:path";
import { DatasetError } from "../../errors/index.ts";
import { quote } from "../../files/reading/errors.ts";
import type { DatasetLayout } from "../dataset.ts";
import { type ColumnNames, controlColumnOf, type DescribedPicture } from "../described-picture.ts";
import { readCaptionMap } from "./caption-map.ts";
import { filesOf } from "./detect-layout.ts";
import type { Listing } from "./list-files.ts";
import { readMetadataLines } from "./metadata-lines.ts";
import { readCaptionLines, readMetadataTable } from "./metadata-table.ts";
import { NamedFiles } from "./named-files.ts";
import { joinLines, SINGLE_COLUMNS } from "./several-captions.ts";

/** What the tables of a folder contain about a picture. */
export interface TableEntry extends DescribedPicture {
  /** Absolute path of the named control picture. */
  readonly control: string | undefined;
  /** Replacement to suggest for a name that no file has. */
  readonly suggestion: string | undefined;
}

/** Flickr8k's captions.txt names pictures in this folder next to it. */
const FLICKR_FOLDER = "Images";

/**
 * The contents of all tables of a layout, by the absolute path of the picture. Lines about the same picture are merged. Throws
 * for a table that can't be read, a path in it that leads out of the folder, and contradictory lines about one picture.
 */
export async function readFolderTables(
  layout: DatasetLayout,
  listing: Listing,
  names: ColumnNames,
): Promise<Map<string, TableEntry>> {
  const files = new NamedFiles(listing);
  const lines = new Map<string, [DescribedPicture, ...DescribedPicture[]]>();
  const suggestions = new Map<string, string>();
  const controls = new Map<string, string>();
  for (const table of filesOf(layout, listing)) {
    const folder = dirname(table);
    const inside = (name: string, { where }: DescribedPicture): string => {
      const path = files.expected(folder, name);
      if (path !== undefined) return path;
      const instead = files.suggest(folder, name);
      throw new DatasetError(
        `${where}: expected a path inside ${listing.root} but found ${quote(name)}${instead === undefined ? "" : `; write ${quote(instead)}`}`,
      );
    };
    for (const line of await readTable(table, names)) {
      const found = findPicture(files, table, line.fileName);
      const path = found ?? inside(line.fileName, line);
      const instead = found === undefined ? files.suggest(folder, line.fileName) : undefined;
      if (instead !== undefined) suggestions.set(path, instead);
      const earlier = lines.get(path);
      if (earlier === undefined) lines.set(path, [line]);
      else earlier.push(line);
      const control = line.columns[controlColumnOf(Object.keys(line.columns), names) ?? ""];
      if (typeof control === "string" && control !== "") {
        controls.set(path, files.find(folder, control) ?? inside(control, line));
      }
    }
  }
  return new Map(
    [...lines].map(([path, all]): [string, TableEntry] => {
      const columns = all.flatMap(
        (line) => controlColumnOf(Object.keys(line.columns), names) ?? [],
      );
      const joined = joinLines(all, names.textColumn ?? "text", [...SINGLE_COLUMNS, ...columns]);
      const control = controls.get(path);
      return [path, { ...joined, control, suggestion: suggestions.get(path) }];
    }),
  );
}

/** The picture file that a table names; undefined if there is none. */
function findPicture(files: NamedFiles, table: string, name: string): string | undefined {
  const folder = dirname(table);
  const found = files.find(folder, name);
  if (found !== undefined) return found;
  // As kohya looks them up: the whole key, dots included, may be a name without its extension.
  if (basename(table) === "captions.json") return files.findStem(folder, name);
  if (basename(table) !== "captions.txt") return undefined;
  // The original Flickr8k numbers a picture's captions: "a.jpg#0".
  const [picture = name] = name.split(/#\d+$/);
  return files.find(folder, picture) ?? files.find(join(folder, FLICKR_FOLDER), picture);
}

function readTable(table: string, names: ColumnNames): Promise<DescribedPicture[]> {
  switch (basename(table)) {
    case "metadata.jsonl":
      return readMetadataLines(table, names);
    case "captions.txt":
      return readCaptionLines(table, names);
    case "captions.json":
      return readCaptionMap(table, names);
    default:
      return readMetadataTable(table, names);
  }
}
