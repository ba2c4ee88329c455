import { closeSync, fsyncSync, openSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { writing, writingSync } from "./write-error.ts";

const AIM = "flush its entries to the disk";

/** Returns when the folder's entries (names created, renamed or removed) are on disk. */
export async function syncFolder(path: string): Promise<void> {
  await writing({ path, aim: AIM }, async () => {
    const folder = await open(path, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  });
}

/** {@link syncFolder} for one of our folders and all folders in it; links are not followed. */
export async function syncFolders(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true }))
    if (entry.isDirectory()) await syncFolders(join(path, entry.name));
  await syncFolder(path);
}

/** {@link syncFolder}, synchronously. */
export function syncFolderSync(path: string): void {
  writingSync({ path, aim: AIM }, () => {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  });
}
