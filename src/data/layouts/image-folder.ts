import { readFile } from "node:fs/promises";
import { captionText } from "../../text/caption-text.ts";
import type { DatasetLayout, Unreadable } from "../dataset.ts";
import type { ColumnNames } from "../described-picture.ts";
import { mapConcurrent } from "../map-concurrent.ts";
import { decodeText } from "./decode-text.ts";
import { PICTURE_NAME, SIDE_CARS, stemOf } from "./detect-layout.ts";
import { readFolderTables } from "./folder-tables.ts";
import { controlFile, type FoundPictures, PictureFile, refusedFile } from "./found-picture.ts";
import { innerName, type Listing } from "./list-files.ts";

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
  const lines = await readFolderTables(layout, listing, names);
  const present = new Set(files);
  const controls = new Set([...lines.values()].flatMap(({ control }) => control ?? []));
  const paths = new Set([
    ...files.filter((file) => PICTURE_NAME.test(file) && !controls.has(file)),
    ...lines.keys(),
  ]);
  const pictures: PictureFile[] = [];
  const unreadable: Unreadable[] = [];
  await mapConcurrent([...paths], OPEN_FILES, async (path) => {
    const line = lines.get(path);
    const text = line?.text ?? (await readSideCar(path, present));
    const reason = text instanceof Error ? text.message : await refusedFile(path, line);
    if (reason !== undefined) unreadable.push({ path, reason });
    else if (!(text instanceof Error)) {
      const control = line?.control === undefined ? undefined : controlFile(line.control);
      pictures.push(
        new PictureFile(innerName(root, path), path, text, line?.columns ?? {}, control),
      );
    }
  });
  return { pictures, unreadable, leftOut: [] };
}

/** The caption beside a picture: undefined where there is none or it is blank. */
async function readSideCar(
  picture: string,
  present: ReadonlySet<string>,
): Promise<string | undefined | Error> {
  const stem = stemOf(picture);
  const path = SIDE_CARS.map((extension) => stem + extension).find((file) => present.has(file));
  if (path === undefined) return undefined;
  const text = decodeText(await readFile(path));
  return text === undefined ? new Error(`its caption ${path} is not UTF-8`) : captionText(text);
}
