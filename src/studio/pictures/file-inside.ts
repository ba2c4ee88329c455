import { realpath } from "node:fs/promises";
import { join, normalize, sep } from "node:path";
import { LARGEST_FILE, readWhole } from "../../files/reading/whole-file.ts";

/**
 * The bytes of a picture's file in a folder. Undefined if there is none, or if its name leads out of the folder or through a
 * link: names come from files that others may have written.
 * @param folder with links resolved
 */
export async function readInside(folder: string, name: string): Promise<Buffer | undefined> {
  const path = join(folder, normalize(name));
  if (name.includes("\0") || !path.startsWith(folder + sep)) return undefined;
  if ((await realpath(path).catch(() => undefined)) !== path) return undefined;
  const options = { expected: "a picture", atMost: LARGEST_FILE.picture };
  return readWhole(path, options).catch(() => undefined);
}
