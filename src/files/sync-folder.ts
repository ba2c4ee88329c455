import { closeSync, fsyncSync, openSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { writing, writingSync } from "./write-error.ts";

const AIM = "flush its entries to the disk";

/**
 * Error codes of file systems that can flush files but no folders: shares of VirtualBox and Windows, and some of FUSE. All others
 * stay errors: EIO says that entries were lost, EACCES and EPERM that a permission is missing, which can be given.
 */
const CANNOT_SYNC: ReadonlySet<string> = new Set([
  "EINVAL",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EBADF",
]);

/**
 * Returns when the folder's entries (names created, renamed or removed) are on disk or, if the file system cannot flush folders,
 * at once: when they are on disk is then up to that system.
 */
export async function syncFolder(path: string): Promise<void> {
  await writing({ path, aim: AIM }, async () => {
    const folder = await open(path, "r");
    try {
      await folder.sync().catch(ignoreUnsupported);
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
    } catch (error) {
      ignoreUnsupported(error);
    } finally {
      closeSync(folder);
    }
  });
}

function ignoreUnsupported(error: unknown): void {
  if (!CANNOT_SYNC.has((error as NodeJS.ErrnoException).code ?? "")) throw error;
}
