import { freeBytes } from "../../files/free-space.ts";
import {
  DiskFullError,
  FileWriteError,
  writeBytes,
  writeFailure,
} from "../../files/write-error.ts";

// Allowance for file-system overhead: folder entries and the unused rest of each file's last block.
const OVERHEAD_BYTES = 2 ** 20;

const WHEN_FULL = "free some space, keep fewer checkpoints or write elsewhere";

/** Throws DiskFullError if `neededBytes` more do not fit. */
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
 * Describes a failed write in terms of the checkpoint it belongs to: as DiskFullError, or another FileWriteError, with everything
 * that the checkpoint needs. Other errors are bugs and stay as they are.
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
