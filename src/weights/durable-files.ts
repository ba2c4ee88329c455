import { randomBytes } from "node:crypto";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

// Large enough for full disk speed, small enough that timers and signals run in between.
const PIECE_BYTES = 16 * 2 ** 20;

/** The same bytes in pieces of at most 16 MiB, without copying. */
export function* inPieces(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  for (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      yield chunk.subarray(start, start + PIECE_BYTES);
    }
  }
}

/** Writes a new file and returns when its bytes are on the disk. The name is safe only after syncFolder() on its folder. */
export async function writeNewFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx");
  try {
    for (const piece of inPieces(chunks)) await writeAll(file, piece);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Puts a file in place whole or not at all, also across a power cut: temporary sibling, fsync, rename, fsync of the folder.
 * Readers that still map the old file keep its bytes.
 */
export async function replaceFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  try {
    await writeNewFile(temporary, chunks);
    await rename(temporary, path);
  } catch (error) {
    // What failed matters more than whether its remains could be removed.
    await unlink(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(dirname(path));
}

/** Returns when the folder's entries (names made, renamed or removed) are on the disk. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A name beside `name` that no reader takes for a finished file or folder. */
export const temporaryName = (name: string): string =>
  `.tmp-${name}-${randomBytes(6).toString("hex")}`;

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let position = 0;
  while (position < bytes.length) {
    const { bytesWritten } = await file.write(bytes, position);
    position += bytesWritten;
  }
}
