import { renameSync } from "node:fs";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { writing, writingSync } from "./write-error.ts";

/** Renames within one file system. What has the new name is replaced if it is a file or an empty folder as `from` is. */
export async function renamePath(from: string, to: string): Promise<void> {
  await writing({ path: from, aim: `rename it to ${to}` }, () => rename(from, to));
}

/** {@link renamePath} for what must not wait. */
export function renamePathSync(from: string, to: string): void {
  writingSync({ path: from, aim: `rename it to ${to}` }, () => renameSync(from, to));
}

/** Where a file system knows no second name for a file, as FAT. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

/** Whether a file can't be given a second name because its file system knows none. */
export const hasNoLinks = (error: unknown): boolean =>
  NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "");

/**
 * Renames to a name that is free, or that an empty folder has where `from` is a folder: a file that has appeared there is never
 * replaced. Where a file can't have two names, an empty one has the new name for a moment. Throws FileWriteError.
 */
export async function renameToFree(
  from: string,
  to: string,
  aim = "give what was written this name",
): Promise<void> {
  await writing({ path: to, aim }, async () => {
    if ((await lstat(from)).isDirectory()) return rename(from, to);
    try {
      await link(from, to); // rename() would replace what is there
    } catch (error) {
      if (!hasNoLinks(error)) throw error;
      return renameToClaimed(from, to);
    }
    await unlink(from);
  });
}

/** Makes an empty file first, of our own, which may be replaced. */
async function renameToClaimed(from: string, to: string): Promise<void> {
  const claimed = await open(to, "wx");
  try {
    await rename(from, to);
  } catch (error) {
    const [own, found] = await Promise.all([claimed.stat(), lstat(to)]).catch(() => []);
    // What failed matters more than whether the name is free again.
    if (found?.ino === own?.ino && found?.size === 0) await unlink(to).catch(() => {});
    throw error;
  } finally {
    await claimed.close();
  }
}
