import { stat } from "node:fs/promises";

/** A file that was changed so shortly before it was looked at may change again within one tick of its times. */
const SETTLED_MS = 2000;

/** What tells that a file is still the one that was read. */
export interface FileStamp {
  /** Inode, length, and when content and inode were last changed, in nanoseconds: a program may set back the first time alone. */
  readonly stamp: string;
  /** Whether it was left alone for so long before `moment`, in milliseconds, that what changes it later changes the stamp. */
  isSettledBy(moment: number): boolean;
}

/** Looks at a file. Throws the system's error. */
export async function fileStamp(path: string): Promise<FileStamp> {
  // Follows links: the Hub's cache names blobs by them.
  const { ino, size, mtimeNs, ctimeNs, ctimeMs } = await stat(path, { bigint: true });
  return {
    stamp: [ino, size, mtimeNs, ctimeNs].join("-"),
    isSettledBy: (moment) => Number(ctimeMs) < moment - SETTLED_MS,
  };
}
