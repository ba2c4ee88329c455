import { knownClasses } from "../errors/index.ts";
import { type FreeSpace, freeSpace, freeSpaceSync } from "./free-space.ts";
import { unlessItFails } from "./unless-it-fails.ts";

/** What was attempted when it failed. */
export interface WriteAttempt {
  readonly path: string;
  /** As in "expected to …": `write 213 bytes`, `make this folder`. */
  readonly aim: string;
  /** If the number of bytes to write is known. */
  readonly neededBytes?: number;
  /** What to do about a full disk, beyond freeing some space or writing elsewhere. */
  readonly whenFull?: string;
}

/** Thrown when a file or folder could not be created, written, renamed or removed: names the path, the attempt and the reason. */
export class FileWriteError extends Error {
  override readonly name: string = "FileWriteError";
  readonly path: string;
  /** The system's: `EACCES`, …. */
  readonly code: string;
  readonly neededBytes: number | undefined;
  /** Free bytes at that time; undefined if irrelevant or unknown. */
  readonly freeBytes: number | undefined;

  constructor(
    { path, aim, neededBytes }: WriteAttempt,
    { code, found, advice, freeBytes, cause }: Failure,
  ) {
    const what = advice === undefined ? found : `${found}; ${advice}`;
    const free = freeBytes === undefined ? "" : ` (${freeBytes} bytes free)`;
    super(`${path}: expected to ${aim} but found ${what}${free}`, { cause });
    this.path = path;
    this.code = code;
    this.neededBytes = neededBytes;
    this.freeBytes = freeBytes;
  }
}

/** The disk or the quota is full. */
export class DiskFullError extends FileWriteError {
  override readonly name: string = "DiskFullError";
}

knownClasses(FileWriteError, DiskFullError);

/** The reason of a failed attempt, for {@link FileWriteError}. */
export interface Failure {
  readonly code: string;
  readonly found: string;
  readonly advice?: string | undefined;
  readonly freeBytes?: number | undefined;
  readonly cause?: unknown;
}

/** Runs `action`; a system error becomes a {@link FileWriteError} of the attempt, all others stay. */
export async function writing<T>(attempt: WriteAttempt, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw await writeFailure(error, attempt);
  }
}

/** {@link writing}, synchronously. */
export function writingSync<T>(attempt: WriteAttempt, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!isUnexplained(error)) throw error;
    throw explained(
      error,
      attempt,
      unlessItFails(() => freeSpaceSync(attempt.path)),
    );
  }
}

/** Explains a failed attempt: a system error is described, with the free space if it matters; all others stay. */
export async function writeFailure(error: unknown, attempt: WriteAttempt): Promise<unknown> {
  if (!isUnexplained(error)) return error;
  return explained(error, attempt, await freeSpace(attempt.path).catch(() => undefined));
}

/** Bytes in words, for a {@link WriteAttempt.aim}. */
export const writeBytes = (bytes: number): string => `write ${bytes} bytes`;

const isUnexplained = (error: unknown): error is NodeJS.ErrnoException & { code: string } =>
  error instanceof Error &&
  !(error instanceof FileWriteError) &&
  "code" in error &&
  typeof error.code === "string" &&
  SYSTEM_CODE.test(error.code);

/** Node.js's own errors are `ERR_…`. */
const SYSTEM_CODE = /^E[A-Z0-9]+$/;

const FULL: Readonly<Record<string, string>> = {
  ENOSPC: "a full disk",
  EDQUOT: "an exhausted quota",
};

/** Other error codes of the system, in words, and what to do. */
const REASONS: Readonly<Record<string, readonly [found: string, advice?: string]>> = {
  EIO: ["a fault of the disk", "check its health, or write elsewhere"],
  EROFS: ["a read-only file system", "write elsewhere, or mount it for writing"],
  EACCES: ["no permission", "write elsewhere, or change the permissions"],
  EPERM: ["no permission", "write elsewhere, or change the permissions"],
  ENOTDIR: ["a file where a folder should be", "choose another name"],
  EISDIR: ["a folder of that name", "choose another name"],
  EEXIST: ["that something is already there", "choose another name"],
  ENOTEMPTY: ["a folder with something in it", "choose another name"],
  ENAMETOOLONG: ["a name that is too long for the file system", "choose a shorter one"],
  ELOOP: ["links that form a loop"],
  ENOENT: ["a place that is not there, or in which nothing can be made", "write elsewhere"],
  EBUSY: ["something that is in use, or mounted", "choose another name"],
  EXDEV: ["a different file system there", "choose a place on the same one"],
  EFBIG: ["a file larger than the file system allows", "write elsewhere"],
};

/** Errors for which the free space matters. */
const OF_THE_DISK: ReadonlySet<string> = new Set(["EIO", "EROFS"]);

function explained(
  cause: NodeJS.ErrnoException & { code: string },
  attempt: WriteAttempt,
  free: FreeSpace | undefined,
): FileWriteError {
  const { code } = cause;
  const full = FULL[code];
  if (full !== undefined) {
    const { whenFull = "free some space or write elsewhere" } = attempt;
    const isOutOfFiles = code === "ENOSPC" && free?.hasNoFiles === true;
    const found = isOutOfFiles ? `no room for another file (${code})` : `${full} (${code})`;
    const advice = isOutOfFiles ? "remove files there or write elsewhere" : whenFull;
    return new DiskFullError(attempt, { code, found, advice, freeBytes: free?.bytes, cause });
  }
  const [found, advice] = REASONS[code] ?? [];
  return new FileWriteError(attempt, {
    code,
    found: found === undefined ? cause.message : `${found} (${code})`,
    advice,
    freeBytes: OF_THE_DISK.has(code) ? free?.bytes : undefined,
    cause,
  });
}
