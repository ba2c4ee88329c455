import { renameSync } from "node:fs";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { writing, writingSync } from "./write-error.ts";

/** Renames within one file system. Replaces the target if it is a file, or an empty folder and `from` is a folder. */
export async function renamePath(from: string, to: string): Promise<void> {
  await writing({ path: from, aim: `rename it to ${to}` }, () => rename(from, to));
}

/** {@link renamePath}, synchronously. */
export function renamePathSync(from: string, to: string): void {
  writingSync({ path: from, aim: `rename it to ${to}` }, () => renameSync(from, to));
}

/** Error codes of file systems without hard links, such as FAT. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

/** Whether a hard link failed because the file system has none. */
export const hasNoLinks = (error: unknown): boolean =>
  NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "");

/**
 * Renames to a free name or, if `from` is a folder, to that of an empty folder. A file that has appeared there is never replaced.
 * Without hard links, an empty file has the new name for a moment. Throws FileWriteError.
 */
export async function renameToFree(
  from: string,
  to: string,
  aim = "rename what was written to this name",
): Promise<void> {
  await writing({ path: to, aim }, async () => {
    if ((await lstat(from)).isDirectory()) return rename(from, to);
    try {
      await link(from, to); // rename() would replace an existing file
    } catch (error) {
      if (!hasNoLinks(error)) throw error;
      return renameToClaimed(from, to);
    }
    await unlink(from);
  });
}

/** Creates an empty file first, which is our own and may be replaced. */
async function renameToClaimed(from: string, to: string): Promise<void> {
  const claimed = await open(to, "wx");
  try {
    await rename(from, to);
  } catch (error) {
    const [own, found] = await Promise.all([claimed.stat(), lstat(to)]).catch(() => []);
    // The error matters more than whether the name is free again.
    if (found?.ino === own?.ino && found?.size === 0) await unlink(to).catch(() => {});
    throw error;
  } finally {
    await claimed.close();
  }
}
