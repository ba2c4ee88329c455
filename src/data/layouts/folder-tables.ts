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

/** What the tables of a folder say of a picture. */
export interface TableEntry extends DescribedPicture {
  /** Absolute path of the control picture that they name. */
  readonly control: string | undefined;
  /** What to write in place of a name that no file has. */
  readonly suggestion: string | undefined;
}

/** Flickr8k's captions.txt names the pictures of this folder beside it. */
const FLICKR_FOLDER = "Images";

/**
 * What all tables of a layout say, by the absolute path of the picture. Lines on one picture are joined. Throws for a table
 * that can't be read, a path in it that leads out of the folder, and lines on one picture that contradict each other.
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

/** The file of the picture that a table names; undefined where there is none. */
function findPicture(files: NamedFiles, table: string, name: string): string | undefined {
  const folder = dirname(table);
  const found = files.find(folder, name);
  if (found !== undefined) return found;
  // As kohya seeks them: the whole key, dots and all, may be a name without its extension.
  if (basename(table) === "captions.json") return files.findStem(folder, name);
  if (basename(table) !== "captions.txt") return undefined;
  // The original Flickr8k numbers the captions of a picture: "a.jpg#0".
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
