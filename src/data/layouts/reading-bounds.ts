import { realpath } from "node:fs/promises";
import { sep } from "node:path";
import { ImageError, readPicture } from "../../images/index.ts";

/** Folders, with links resolved, outside of which no file is read. Undefined: links are followed wherever they lead. */
export type Within = readonly string[] | undefined;

/** Why a file outside of them is not read. */
export const OUTSIDE = "it leads outside the folders that may be read here";

/** Whether a path is a folder's or below it, both with links resolved. */
export const isBelow = (folder: string, path: string): boolean =>
  path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

/** Whether the links in a path lead outside. A broken link leads nowhere: opening it says so. */
export async function leadsOutside(path: string, within: Within): Promise<boolean> {
  if (within === undefined) return false;
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && !within.some((folder) => isBelow(folder, real));
}

/** The bytes of a picture's file. Throws ImageError, also if it is outside. */
export async function readPictureWithin(path: string, within: Within): Promise<Uint8Array> {
  if (await leadsOutside(path, within)) throw new ImageError(path, OUTSIDE);
  return readPicture(path);
}
