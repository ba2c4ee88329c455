import { chmodSync, closeSync, lstatSync, renameSync } from "node:fs";
import { chmod, lstat, rename, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { writeNewFile, writeNewFileSync } from "./new-file.ts";
import { type OpenedFile, openRegularSync, readFromSync } from "./reading/whole-file.ts";
import { removeFile, removeFileSync } from "./remove.ts";
import { syncFolder, syncFolderSync } from "./sync-folder.ts";
import { temporaryName } from "./temporary-name.ts";
import { unlessItFails } from "./unless-it-fails.ts";
import { writing, writingSync } from "./write-error.ts";

const AIM = "put a new file in its place";

/**
 * Replaces a file completely or not at all, even across a power failure: temporary sibling, fsync, rename, fsync of the folder.
 * Readers that still map the old file keep its bytes. A link is replaced, and its target stays as it is; the permissions of an
 * existing file are kept. They are set only if they differ: on a share whose files all belong to another user, that is refused.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    await writeNewFile(temporary, chunks);
    const mode = await lstat(path).then(modeOf, () => undefined);
    await writing({ path, aim: AIM }, async () => {
      if (mode !== undefined && mode !== modeOf(await lstat(temporary))) {
        await chmod(temporary, mode);
      }
      await rename(temporary, path);
    });
  } catch (error) {
    // The error matters more than whether the remains could be removed.
    await removeFile(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** {@link replaceFile}, synchronously. */
export function replaceFileSync(path: string, content: string | Uint8Array): void {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    writeNewFileSync(temporary, Buffer.from(content));
    const mode = modeOf(lstatSync(path, { throwIfNoEntry: false }));
    writingSync({ path, aim: AIM }, () => {
      if (mode !== undefined && mode !== modeOf(lstatSync(temporary))) chmodSync(temporary, mode);
      renameSync(temporary, path);
    });
  } catch (error) {
    unlessItFails(() => removeFileSync(temporary));
    throw error;
  }
  syncFolderSync(dirname(path));
}

const PIECE_BYTES = 16 * 2 ** 20;

/** {@link replaceFile} with the content of another file. */
export async function replaceWithCopy(path: string, from: string): Promise<void> {
  const atMost = Number.POSITIVE_INFINITY;
  const opened = openRegularSync(from, { expected: "a file to copy", atMost });
  try {
    await replaceFile(path, piecesOf(opened));
  } finally {
    closeSync(opened.file);
  }
}

function* piecesOf(opened: OpenedFile<number>): Generator<Uint8Array> {
  for (let start = 0; start < opened.size; start += PIECE_BYTES) {
    yield readFromSync(opened, start, Math.min(PIECE_BYTES, opened.size - start));
  }
}

/**
 * Error codes of file systems without symbolic links: EPERM of FAT and exFAT; EPERM, EROFS or EPROTO of VirtualBox's shares,
 * depending on its release; ENOTSUP of Windows' shares; ENOSYS of FUSE.
 */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "EROFS",
  "EPROTO",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
]);

/**
 * Puts a symbolic link in place of anything but a folder. False if the file system has none, or may not be written: what the
 * caller writes instead shows which.
 */
export async function replaceLink(path: string, target: string): Promise<boolean> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  return writing({ path, aim: "put a link in its place" }, async () => {
    try {
      await symlink(target, temporary);
    } catch (error) {
      if (NO_LINKS.has((error as NodeJS.ErrnoException).code ?? "")) return false;
      throw error;
    }
    try {
      await rename(temporary, path);
      return true;
    } catch (error) {
      await removeFile(temporary).catch(() => {});
      throw error;
    }
  });
}

const modeOf = (
  found: { readonly mode: number; isFile(): boolean } | undefined,
): number | undefined => (found?.isFile() ? found.mode & 0o7777 : undefined);
