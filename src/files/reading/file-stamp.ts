import { stat } from "node:fs/promises";

/** A file modified this shortly before it was examined may change again without its timestamps changing. */
const SETTLED_MS = 2000;

/** Identifies the state of a file, to tell whether it is still the one that was read. */
export interface FileStamp {
  /**
   * Inode, length, and the times at which content and inode last changed, in nanoseconds: programs can reset only the first time.
   */
  readonly stamp: string;
  /** Whether it had been unmodified long enough at `moment`, in milliseconds, for any later change to change the stamp. */
  isSettledBy(moment: number): boolean;
}

/** Stamps a file. Throws the system's error. */
export async function fileStamp(path: string): Promise<FileStamp> {
  // Follows links: the Hub's cache names its blobs through them.
  const { ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(path, { bigint: true });
  return {
    stamp: [ino, size, mtimeNs, ctimeNs].join("-"),
    isSettledBy: (moment) => Number(ctimeMs) < moment - SETTLED_MS,
  };
}
