/** The meanings of the system's error codes for a path, as the end of a sentence about it. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "expected a file or folder but found nothing",
  ENOTDIR: "expected folders on the way to it but one of them is a file",
  EISDIR: "expected a file but found a folder",
  EEXIST: "expected an unused name but something already has it",
  ENOTEMPTY: "expected an empty folder but found files in it",
  EACCES: "expected permission to read or write it; check its owner and its permissions",
  EPERM: "expected permission to read or write it; check its owner and its permissions",
  ELOOP: "expected a file or folder but its symbolic links form a loop",
  ENAMETOOLONG: "expected a name short enough for the file system but this one is too long",
  EMFILE: "too many files are open at once; raise the limit: ulimit -n 65536",
  ENFILE: "too many files are open on this machine; end other programs",
  ENXIO: "expected a file but found a device or pipe that nobody answers",
  EBUSY: "something else is using it; end that first",
  EXDEV: "expected a place on the same disk",
  ETXTBSY: "it is a running program; end it first",
  EIO: "a fault of the disk, or of the connection to it; check its health",
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "the quota is used up; free some space",
  EROFS: "the file system is read-only; write elsewhere",
  ESTALE: "the file server now has another file there; mount it again",
};

/** Whether an error is an operating system error, as thrown by Node.js. */
const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  "errno" in error &&
  typeof error.errno === "number" &&
  "code" in error &&
  typeof error.code === "string";

/** System errors with a path that is not a file: errors of programs and sockets describe their subject themselves. */
const OF_NO_FILE = /^(?:spawn|connect|listen|bind|accept)\b/;

/**
 * An operating system error as a sentence with its path and its code, for use when nothing more is known; undefined for other
 * errors, for those not about a file, and for codes without a meaning for a path.
 */
export function systemSentence(error: unknown): string | undefined {
  if (!isSystemError(error) || OF_NO_FILE.test(error.syscall ?? "")) return undefined;
  const meaning = MEANINGS[error.code ?? ""];
  if (meaning === undefined || error.path === undefined) return undefined;
  // A rename has two paths, and neither says which one is missing.
  const { dest } = error as { readonly dest?: unknown };
  const place = typeof dest === "string" ? `${error.path} (on its way to ${dest})` : error.path;
  return `${place}: ${meaning} (${error.code})`;
}

/** For `.catch()`: adds the path to a system error that has none, as those of open files, and rethrows it. */
export const namingPath =
  (path: string): ((error: unknown) => never) =>
  (error) => {
    if (isSystemError(error)) error.path ??= path;
    throw error;
  };

/** Returns a function's result; adds the path to system errors. */
export function withPath<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    return namingPath(path)(error);
  }
}
