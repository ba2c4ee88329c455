import { constants, createWriteStream, type WriteStream } from "node:fs";
import { type FileHandle, open, truncate, unlink } from "node:fs/promises";
import { join } from "node:path";
import { temporaryName } from "./temporary-name.ts";
import { writing } from "./write-error.ts";

/** Opens a file for writing at any position, or creates an empty one; existing content stays. */
export const openToFill = (path: string): Promise<FileHandle> =>
  writing({ path, aim: "write to this file" }, () =>
    open(path, constants.O_RDWR | constants.O_CREAT, 0o666),
  );

/** Opens a new file in a folder and removes its name: its space is freed when the process ends, however it ends. */
export async function openNamelessFile(folder: string): Promise<FileHandle> {
  const path = join(folder, temporaryName("pixart"));
  return writing({ path: folder, aim: "make a file in it" }, async () => {
    const file = await open(path, "wx+", 0o600);
    await unlink(path);
    return file;
  });
}

/** A stream to a new file, which is on disk when it ends. Its errors are the system's own. */
export const newFileStream = (path: string): WriteStream =>
  createWriteStream(path, { flags: "wx", flush: true });

/** Truncates a file to `size` bytes. */
export const cutFile = (path: string, size: number): Promise<void> =>
  writing({ path, aim: "cut this file" }, () => truncate(path, size));

/** Returns when a file that somebody else wrote is on disk. */
export async function syncFile(path: string): Promise<void> {
  await writing({ path, aim: "flush it to the disk" }, async () => {
    const file = await open(path, "r+");
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  });
}
