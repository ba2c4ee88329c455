import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** What a file system has left for this user. */
export interface FreeSpace {
  readonly bytes: number;
  /** Whether no further file can be made, however small. */
  readonly hasNoFiles: boolean;
}

/** Bytes that this user may still write where `path` lies or will lie. */
export const freeBytes = async (path: string): Promise<number> => (await freeSpace(path)).bytes;

/** What is left where `path` lies or will lie. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  try {
    return spaceOf(await statfs(path));
  } catch (error) {
    return freeSpace(parentOf(path, error));
  }
}

/** The same, for what must not wait. */
export function freeSpaceSync(path: string): FreeSpace {
  try {
    return spaceOf(statfsSync(path));
  } catch (error) {
    return freeSpaceSync(parentOf(path, error));
  }
}

type Counts = Pick<Awaited<ReturnType<typeof statfs>>, "bavail" | "bsize" | "files" | "ffree">;

/** File systems that count no files, such as btrfs, say 0 for all of them. */
const spaceOf = ({ bavail, bsize, files, ffree }: Counts): FreeSpace => ({
  bytes: Number(bavail) * Number(bsize),
  hasNoFiles: Number(files) > 0 && Number(ffree) === 0,
});

/** Where to look instead of a path that is not there yet. */
function parentOf(path: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const parent = dirname(path);
  if ((code === "ENOENT" || code === "ENOTDIR") && parent !== path) return parent;
  throw error;
}
