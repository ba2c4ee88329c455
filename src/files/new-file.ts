import { closeSync, fsyncSync, openSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { removeFile, removeFileSync } from "./remove.ts";
import { unlessItFails } from "./unless-it-fails.ts";
import { writeAllSync } from "./write-all.ts";
import { writeBytes, writing, writingSync } from "./write-error.ts";

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

/** Options of {@link writeNewFile}. */
export interface NewFileOptions {
  /** Whether to wait until the bytes are on disk. Default true; false for what can quickly be made again. */
  readonly durable?: boolean;
  /** Whether other users may not read it. Default false. */
  readonly isPrivate?: boolean;
}

/**
 * Writes a new file and returns when its bytes are on disk. The name is safe only after syncFolder() on its folder. On failure,
 * any remains are removed. Throws FileWriteError, including if the name exists.
 */
export async function writeNewFile(
  path: string,
  chunks: Iterable<Uint8Array>,
  { durable = true, isPrivate = false }: NewFileOptions = {},
): Promise<void> {
  const mode = isPrivate ? 0o600 : 0o666;
  const file = await writing({ path, aim: "make this file" }, () => open(path, "wx", mode));
  try {
    await fill(file, path, chunks, durable);
  } catch (error) {
    // The error matters more than whether the remains could be removed.
    await removeFile(path).catch(() => {});
    throw error;
  }
}

async function fill(
  file: FileHandle,
  path: string,
  chunks: Iterable<Uint8Array>,
  durable: boolean,
): Promise<void> {
  let bytes = 0;
  try {
    for (const piece of inPieces(chunks)) {
      bytes += piece.length;
      await writing({ path, aim: writeBytes(bytes), neededBytes: bytes }, () =>
        writeAll(file, piece),
      );
    }
    if (durable)
      await writing({ path, aim: writeBytes(bytes), neededBytes: bytes }, () => file.sync());
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let position = 0;
  while (position < bytes.length) {
    const { bytesWritten } = await file.write(bytes, position);
    position += bytesWritten;
  }
}

/** {@link writeNewFile}, synchronously. */
export function writeNewFileSync(path: string, bytes: Uint8Array): void {
  const file = writingSync({ path, aim: "make this file" }, () => openSync(path, "wx"));
  try {
    writingSync({ path, aim: writeBytes(bytes.length), neededBytes: bytes.length }, () => {
      try {
        writeAllSync(file, bytes);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    });
  } catch (error) {
    unlessItFails(() => removeFileSync(path));
    throw error;
  }
}
