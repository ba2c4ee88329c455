import { existsSync } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Total bytes of the files in a folder, at any depth; 0 if the folder does not exist. */
export async function bytesBelow(folder: string): Promise<number> {
  if (!existsSync(folder)) return 0;
  let bytes = 0;
  for await (const entry of await opendir(folder, { recursive: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
