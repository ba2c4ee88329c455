import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** A checkpoint could not be written: names the path, what it needs and what is free. Older checkpoints are untouched. */
export class CheckpointWriteError extends Error {
  override readonly name: string = "CheckpointWriteError";
  readonly path: string;
  readonly neededBytes: number;
  readonly freeBytes: number;

  constructor(path: string, neededBytes: number, freeBytes: number, reason: string) {
    super(
      `${path}: expected to write ${neededBytes} bytes but found ${reason} (${freeBytes} bytes free)`,
    );
    this.path = path;
    this.neededBytes = neededBytes;
    this.freeBytes = freeBytes;
  }
}

/** The disk or the quota is full. */
export class DiskFullError extends CheckpointWriteError {
  override readonly name: string = "DiskFullError";

  constructor(path: string, neededBytes: number, freeBytes: number, reason: string) {
    super(
      path,
      neededBytes,
      freeBytes,
      `${reason}; free some space, keep fewer checkpoints or write elsewhere`,
    );
  }
}

// Room for what a file system adds to the bytes: folder entries and the rest of each file's last block.
const OVERHEAD_BYTES = 2 ** 20;

/** Bytes that this user may still write where `path` lies or will lie. */
export async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return freeBytes(dirname(path));
    throw error;
  }
}

/** Throws DiskFullError where `neededBytes` more do not fit. A run asks for twice its forecast before it starts. */
export async function requireDiskSpace(path: string, neededBytes: number): Promise<void> {
  const free = await freeBytes(path);
  if (free < neededBytes + OVERHEAD_BYTES) {
    throw new DiskFullError(path, neededBytes, free, "too little room");
  }
}

/** What a failed write means: full disk and quota become DiskFullError, other system errors CheckpointWriteError, bugs stay. */
export async function describeWriteFailure(
  error: unknown,
  path: string,
  neededBytes: number,
): Promise<unknown> {
  if (!isSystemError(error)) return error;
  const { code } = error;
  const free = await freeBytes(path).catch(() => Number.NaN);
  if (code === "ENOSPC") return new DiskFullError(path, neededBytes, free, "a full disk (ENOSPC)");
  if (code === "EDQUOT") {
    return new DiskFullError(path, neededBytes, free, "an exhausted quota (EDQUOT)");
  }
  return new CheckpointWriteError(path, neededBytes, free, error.message);
}

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && "errno" in error && typeof error.errno === "number";
