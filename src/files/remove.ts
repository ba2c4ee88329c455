import { unlinkSync } from "node:fs";
import { lstat, readdir, rename, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { mountPointsIn } from "./mount-points.ts";
import { syncFolder } from "./sync-folder.ts";
import { temporaryName } from "./temporary-name.ts";
import { FileWriteError, writing, writingSync } from "./write-error.ts";

const AIM = "remove it";

/** Removes a file, or a link but never its target. Does nothing if the name does not exist. */
export async function removeFile(path: string): Promise<void> {
  await writing({ path, aim: AIM }, () => unlink(path).catch(ignoreMissing));
}

/** {@link removeFile}, synchronously. */
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
 * Removes a file, or a folder with everything in it. Links are removed and never followed, except for one that somebody puts in a
 * folder's place at that very moment. Nothing is removed if another file system, or another folder, is mounted in it: its content
 * is not the folder's own. On systems that don't list mounts, another file system is found on the way: it stays, but what came
 * before it is gone. Throws FileWriteError.
 */
export async function removeTree(path: string): Promise<void> {
  const found = await lstat(path).catch(ignoreMissing);
  if (found === undefined) return;
  if (!found.isDirectory()) return removeFile(path);
  const [mounted] = await mountPointsIn(path);
  if (mounted !== undefined) throw refused(path, mounted);
  await removeFolder(path, found.dev);
}

/** Hides a file or folder and then removes it, so that no partial content is ever found under its name. */
export async function discardTree(path: string): Promise<void> {
  const parent = dirname(path);
  const trash = join(parent, temporaryName(basename(path), "trash"));
  await writing({ path, aim: AIM }, () => rename(path, trash));
  await syncFolder(parent);
  await removeTree(trash);
}

/** @param device that of the whole tree, for systems that don't list mounts */
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
