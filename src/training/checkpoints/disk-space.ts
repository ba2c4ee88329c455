import { freeBytes } from "../../files/free-space.ts";
import {
  DiskFullError,
  FileWriteError,
  writeBytes,
  writeFailure,
} from "../../files/write-error.ts";

// Room for what a file system adds to the bytes: folder entries and the rest of each file's last block.
const OVERHEAD_BYTES = 2 ** 20;

const WHEN_FULL = "free some space, keep fewer checkpoints or write elsewhere";

/** Throws DiskFullError where `neededBytes` more do not fit. */
export async function requireDiskSpace(path: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free >= neededBytes + OVERHEAD_BYTES) return;
  const aim = `find room for ${neededBytes} bytes and the ${OVERHEAD_BYTES} that a file system may add`;
  throw new DiskFullError(
    { path, aim, neededBytes },
    { code: "ENOSPC", found: "too little room", advice: WHEN_FULL, freeBytes: free },
  );
}

/**
 * What a write that failed means for the checkpoint that it was a part of: DiskFullError or another FileWriteError with all that
 * the checkpoint needs; bugs stay.
 */
export async function describeWriteFailure(
  error: unknown,
  path: string,
  neededBytes: number,
): Promise<unknown> {
  const cause = error instanceof FileWriteError ? (error.cause ?? error) : error;
  const aim = writeBytes(neededBytes);
  return writeFailure(cause, { path, aim, neededBytes, whenFull: WHEN_FULL });
}
