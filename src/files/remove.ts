import { unlinkSync } from "node:fs";
import { lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { mountPointsIn } from "./mount-points.ts";
import { syncFolder } from "./sync-folder.ts";
import { temporaryName } from "./temporary-name.ts";
import { FileWriteError, writing, writingSync } from "./write-error.ts";

const AIM = "remove it";

/** Removes a file, or a link and never what it points to. Nothing is done where there is none of that name. */
export async function removeFile(path: string): Promise<void> {
  await writing({ path, aim: AIM }, () => unlink(path).catch(ignoreMissing));
}

/** {@link removeFile} for what must not wait. */
export function removeFileSync(path: string): void {
  writingSync({ path, aim: AIM }, () => {
    try {
      unlinkSync(path);
    } catch (error) {
      ignoreMissing(error);
    }
  });
}

/**
 * Removes a file, or a folder with all that is in it. Links are removed and never followed, but for one that somebody puts in
 * a folder's place at the very moment. Nothing is removed where another file system, or another folder, is mounted in it: what
 * lies there is not the folder's own. On systems that don't list what is mounted, another file system is met on the way: it stays,
 * and what came before it is gone. Throws FileWriteError.
 */
export async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (found === undefined) return;
  if (!found.isDirectory()) return removeFile(path);
  const [mounted] = await mountPointsIn(path);
  if (mounted !== undefined) throw refused(path, mounted);
  await removeFolder(path, found.dev);
}

/** Takes something out of sight and then removes it, so that no half of it is ever found under its name. */
export async function discardTree(path: string): Promise<void> {
  const parent = dirname(path);
  const trash = join(parent, temporaryName(basename(path), "trash"));
  await writing({ path, aim: AIM }, () => rename(path, trash));
  await syncFolder(parent);
  await removeTree(trash);
}

/** @param device the one that the whole tree lies on, for systems that don't list what is mounted */
async function removeFolder(path: string, device: number): Promise<void> {
  const names = await writing({ path, aim: AIM }, () => readdir(path));
  for (const name of names) {
    const inner = join(path, name);
    const found = await lstat(inner).catch(ignoreMissing);
    if (found?.isDirectory()) {
      if (found.dev !== device) throw refused(path, inner);
      await removeFolder(inner, device);
    } else await removeFile(inner);
  }
  await writing({ path, aim: AIM }, () => rmdir(path).catch(ignoreMissing));
}

const refused = (path: string, mounted: string): FileWriteError =>
  new FileWriteError(
    { path, aim: AIM },
    { code: "EBUSY", found: `another folder mounted at ${mounted}`, advice: "unmount it first" },
  );

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
