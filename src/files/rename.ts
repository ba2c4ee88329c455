import { linkSync, renameSync } from "node:fs";
import { link, lstat, open, rename, unlink } from "node:fs/promises";
import { writing, writingSync } from "./write-error.ts";

const aimOf = (to: string): string => `rename it to ${to}`;

/** Renames within one file system. What has the new name is replaced if it is a file or an empty folder as `from` is. */
export async function renamePath(from: string, to: string): Promise<void> {
  await writing({ path: from, aim: aimOf(to) }, () => rename(from, to));
}

/** {@link renamePath} for what must not wait; false where there is nothing of the old name. */
export function renamePathSync(from: string, to: string): boolean {
  return unless("ENOENT", () => renameSync(from, to), { path: from, aim: aimOf(to) });
}

/** Gives a file a second name; false where that name is taken. It is there with all its content or not at all. */
export function linkFileSync(from: string, to: string): boolean {
  return unless("EEXIST", () => linkSync(from, to), { path: to, aim: `link it to ${from}` });
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
 * replaced. Throws FileWriteError.
 */
export async function renameToFree(from: string, to: string): Promise<void> {
  await writing({ path: to, aim: "give what was written this name" }, async () => {
    if ((await lstat(from)).isDirectory()) return rename(from, to);
    try {
      await link(from, to); // rename() would replace what is there
    } catch (error) {
      if (!hasNoLinks(error)) throw error;
      const claimed = await open(to, "wx"); // an empty file of our own, which may be replaced
      await claimed.close();
      return rename(from, to);
    }
    await unlink(from);
  });
}

/** Runs `action`; false where it fails with `code`. */
function unless(
  code: string,
  action: () => void,
  attempt: { readonly path: string; readonly aim: string },
): boolean {
  return writingSync(attempt, () => {
    try {
      action();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === code) return false;
      throw error;
    }
  });
}
