/** What a system's error code means of a path, as the end of a sentence on it. */
const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: "expected a file or folder but found nothing",
  ENOTDIR: "expected folders on the way to it but one of them is a file",
  EISDIR: "expected a file but found a folder",
  EEXIST: "expected a name that is free but something is there",
  ENOTEMPTY: "expected an empty folder but found files in it",
  EACCES: "expected leave to read or write it; check its owner and its permissions",
  EPERM: "expected leave to read or write it; check its owner and its permissions",
  ELOOP: "expected a file or folder but its symbolic links lead round in a circle",
  ENAMETOOLONG: "expected a shorter name than this, which the file system does not take",
  EMFILE: "too many files are open at once; raise the limit: ulimit -n 65536",
  ENFILE: "too many files are open on this machine; end other programs",
  ENXIO: "expected a file but found a device or pipe that nobody answers",
  EBUSY: "something else uses it; end that first",
  EXDEV: "expected a place on the same disk",
  ETXTBSY: "it is a program that runs; end that first",
  EIO: "a fault of the disk, or of the way to it; look after its health",
  ENOSPC: "the disk is full; free some space",
  EDQUOT: "the quota is used up; free some space",
  EROFS: "the file system can only be read; write elsewhere",
  ESTALE: "the file server has another file there by now; mount it anew",
};

/** Whether an error is one of the operating system, as Node.js throws them. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error &&
  "errno" in error &&
  typeof error.errno === "number" &&
  "code" in error &&
  typeof error.code === "string";

/** What has a path and no file: a program's own errors, and those of sockets, say what they are about in their own words. */
const OF_NO_FILE = /^(?:spawn|connect|listen|bind|accept)\b/;

/**
 * An operating system's error as a sentence with its path and its code, for where nothing more is known than that; undefined
 * for other errors, for those of no file, and for codes that say nothing of a path.
 */
export function systemSentence(error: unknown): string | undefined {
  if (!isSystemError(error) || OF_NO_FILE.test(error.syscall ?? "")) return undefined;
  const meaning = MEANINGS[error.code ?? ""];
  if (meaning === undefined || error.path === undefined) return undefined;
  // A rename has two; what is missing there is told by neither.
  const { dest } = error as { readonly dest?: unknown };
  const place = typeof dest === "string" ? `${error.path} (on its way to ${dest})` : error.path;
  return `${place}: ${meaning} (${error.code})`;
}

/** For `.catch()`: puts the path into a system's error that has none, as those of open files, and throws it on. */
export const namingPath =
  (path: string): ((error: unknown) => never) =>
  (error) => {
    if (isSystemError(error)) error.path ??= path;
    throw error;
  };

/** What a function gives; the system's errors have the path. */
export function withPath<T>(path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    return namingPath(path)(error);
  }
}
