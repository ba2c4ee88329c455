import { readFile } from "node:fs/promises";
import { basename, dirname, resolve, sep } from "node:path";
import { quote } from "../../weights/errors.ts";
import { decodeCaption, isBlank } from "../caption-text.ts";
import type { DatasetLayout, Unreadable } from "../dataset.ts";
import { type ColumnNames, controlColumnOf, type DescribedPicture } from "../described-picture.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { readCaptionMap } from "./caption-map.ts";
import { filesOf } from "./detect-layout.ts";
import {
  controlFile,
  type FoundPictures,
  formatOf,
  NO_SUCH_FILE,
  PictureFile,
  refusedFile,
} from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";
import { readMetadataLines } from "./metadata-lines.ts";
import { readCaptionLines, readMetadataTable } from "./metadata-table.ts";
import { isStrange, OTHER_PICTURE_NAME, PICTURE_NAME, stemOf } from "./picture-names.ts";
import { SideCars } from "./side-cars.ts";

const OPEN_FILES = 16;

/**
 * Lists pictures in files of their own: the tables of the layout first, then `.txt` or `.caption`
 * files beside the pictures. Nothing is decoded, but the first bytes of every picture are looked
 * at. Throws for a table that can't be read, and for a path in it that leads out of the folder.
 */
export async function listImageFolder(
  layout: DatasetLayout,
  listing: Listing,
  names: ColumnNames,
): Promise<FoundPictures> {
  const { root, files } = listing;
  const lines = await readTables(layout, listing, names);
  const sideCars = new SideCars(files);
  const controls = new Set([...lines.values()].flatMap(({ control }) => control ?? []));
  const paths = new Set([...files.filter((file) => PICTURE_NAME.test(file)), ...lines.keys()]);
  const others = files.filter((file) => OTHER_PICTURE_NAME.test(file) || isStrange(file));
  const pictures: PictureFile[] = [];
  const unreadable: Unreadable[] = [];
  const leftOut: Unreadable[] = [];
  await mapConcurrent(others, OPEN_FILES, async (path) => {
    if (paths.has(path) || controls.has(path)) return;
    const format = await formatOf(path);
    const isNamed = OTHER_PICTURE_NAME.test(path);
    if (isNamed && format !== undefined) paths.add(path);
    else if (isNamed) leftOut.push({ path, reason: (await refusedFile(path, undefined)) ?? "" });
    else if (format !== undefined) {
      const reason = `its first bytes are those of a ${format}, but its name is no picture's; let it end in .${format}`;
      leftOut.push({ path, reason });
    }
  });
  const elsewhere = namesakes(files);
  const wanted = [...paths].filter((path) => lines.has(path) || !controls.has(path));
  await mapConcurrent(wanted, OPEN_FILES, async (path) => {
    const line = lines.get(path);
    const text = line?.text ?? (await readSideCar(sideCars.of(path)));
    const reason = text instanceof Error ? text.message : await refusedFile(path, line?.where);
    if (reason !== undefined)
      unreadable.push({ path, reason: `${reason}${elsewhere(reason, path)}` });
    else if (!(text instanceof Error)) {
      const control = line?.control === undefined ? undefined : controlFile(line.control);
      pictures.push(
        new PictureFile(innerName(root, path), path, text, line?.columns ?? {}, control),
      );
    }
  });
  return { pictures, unreadable, leftOut };
}

/** Says where a file of a missing one's name is: tables that name from another folder are the most common fault. */
function namesakes(files: readonly string[]): (reason: string, path: string) => string {
  const known = new Map(files.map((file) => [basename(file), file]));
  return (reason, path) => {
    const other = reason.startsWith(NO_SUCH_FILE) ? known.get(basename(path)) : undefined;
    return other === undefined ? "" : `; ${other} is there: paths are relative to the table`;
  };
}

/** A line, and the absolute path of the control picture that it names. */
interface TableLine extends DescribedPicture {
  readonly control: string | undefined;
}

/** The lines of all tables by the absolute path of their picture. */
async function readTables(
  layout: DatasetLayout,
  listing: Listing,
  names: ColumnNames,
): Promise<Map<string, TableLine>> {
  const { root, files } = listing;
  const lines = new Map<string, TableLine>();
  const composed = new Map(files.map((file) => [file.normalize("NFC"), file]));
  const present = new Set(files);
  for (const table of filesOf(layout, listing)) {
    for (const line of await readTable(table, files, names)) {
      const inside = (name: string): string => {
        const path = resolve(dirname(table), name);
        if (path.startsWith(root + sep) && !name.includes("\0")) {
          // macOS writes é as two letters in names, tables from elsewhere as one.
          return present.has(path) ? path : (composed.get(path.normalize("NFC")) ?? path);
        }
        throw new Error(`${line.where}: expected a path inside ${root} but found ${quote(name)}`);
      };
      const path = inside(line.fileName);
      const earlier = lines.get(path);
      if (earlier !== undefined) {
        throw new Error(`${line.where}: "${line.fileName}" was named before, at ${earlier.where}`);
      }
      const control = line.columns[controlColumnOf(Object.keys(line.columns), names) ?? ""];
      lines.set(path, {
        ...line,
        control: typeof control === "string" && control !== "" ? inside(control) : undefined,
      });
    }
  }
  return lines;
}

function readTable(
  table: string,
  files: readonly string[],
  names: ColumnNames,
): Promise<DescribedPicture[]> {
  switch (basename(table)) {
    case "metadata.jsonl":
      return readMetadataLines(table, names);
    case "captions.txt":
      return readCaptionLines(table, names);
    case "captions.json": {
      const pictures = files.filter((file) => PICTURE_NAME.test(file));
      const stems = pictures.map((file) => innerName(dirname(table), file));
      return readCaptionMap(table, names, new Map(stems.map((name) => [stemOf(name), name])));
    }
    default:
      return readMetadataTable(table, names);
  }
}

/** The caption in a file beside a picture: undefined where there is none or it is blank. */
async function readSideCar(path: string | undefined): Promise<string | undefined | Error> {
  if (path === undefined) return undefined;
  const text = decodeCaption(await readFile(path));
  if (text === undefined) return new Error(`its caption ${path} is not UTF-8`);
  return isBlank(text) ? undefined : text.trim();
}
