import { DatasetError } from "../../errors/index.ts";
import { BadFileError } from "../../files/reading/errors.ts";
import { systemSentence } from "../../files/reading/system-error.ts";
import { LARGEST_FILE, readWhole } from "../../files/reading/whole-file.ts";
import { captionText, decodeCaption } from "../caption-text.ts";
import type { DatasetLayout, Unreadable } from "../dataset.ts";
import type { ColumnNames } from "../described-picture.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { readFolderTables } from "./folder-tables.ts";
import {
  controlFile,
  type FoundPictures,
  formatOf,
  PictureFile,
  refusedFile,
} from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";
import { isStrange, OTHER_PICTURE_NAME, PICTURE_NAME } from "./picture-names.ts";
import { SideCars } from "./side-cars.ts";

const OPEN_FILES = 16;

/**
 * Lists pictures in separate files: first from the layout's tables, then from `.txt` or `.caption` files next to the pictures.
 * Nothing is decoded, but the first bytes of every picture are checked. Throws for a table that can't be read, and for a path in
 * it that leads out of the folder.
 */
export async function listImageFolder(
  layout: DatasetLayout,
  listing: Listing,
  names: ColumnNames,
): Promise<FoundPictures> {
  const { root, files, within } = listing;
  const lines = await readFolderTables(layout, listing, names);
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
    else if (isNamed)
      leftOut.push({ path, reason: (await refusedFile(path, undefined, within)) ?? "" });
    else if (format !== undefined) {
      const reason = `its first bytes are those of a ${format}, but its name is not that of a picture; rename it to end in .${format}`;
      leftOut.push({ path, reason });
    }
  });
  const wanted = [...paths].filter((path) => lines.has(path) || !controls.has(path));
  await mapConcurrent(wanted, OPEN_FILES, async (path) => {
    const line = lines.get(path);
    const text = line?.text ?? (await readSideCar(sideCars.of(path)));
    const reason = text instanceof Error ? text.message : await refusedFile(path, line, within);
    if (reason !== undefined) unreadable.push({ path, reason });
    else if (!(text instanceof Error)) {
      const control = line?.control === undefined ? undefined : controlFile(line.control, within);
      const [file, columns] = [innerName(root, path), line?.columns ?? {}];
      const captions = line?.captions;
      pictures.push(new PictureFile({ file, path, text, captions, columns, control, within }));
    }
  });
  return { pictures, unreadable, leftOut };
}

/** The caption in a file next to a picture; undefined if there is none or it is blank. */
async function readSideCar(path: string | undefined): Promise<string | undefined | Error> {
  if (path === undefined) return undefined;
  const bytes = await readRegular(path);
  if (bytes instanceof Error) return bytes;
  const text = decodeCaption(bytes);
  return text === undefined
    ? new DatasetError(`its caption ${path} is not UTF-8`)
    : captionText(text);
}

/** An unreadable caption leaves out only its picture. A link may be broken, and reading a pipe would block. */
async function readRegular(path: string): Promise<Uint8Array | Error> {
  try {
    return await readWhole(path, { expected: "a caption", atMost: LARGEST_FILE.caption });
  } catch (error) {
    const sentence = error instanceof BadFileError ? error.message : systemSentence(error);
    if (sentence === undefined) throw error;
    return new DatasetError(`its caption can't be read: ${sentence}`);
  }
}
