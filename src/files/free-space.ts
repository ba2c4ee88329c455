import { statfsSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";

/** Free space of a file system for this user. */
export interface FreeSpace {
  readonly bytes: number;
  /** Whether no further file can be created, however small. */
  readonly hasNoFiles: boolean;
}

/** Bytes that this user can still write at `path`, which may not exist yet. */
export const freeBytes = async (path: string): Promise<number> => (await freeSpace(path)).bytes;

/** Free space at `path`, which may not exist yet. */
export async function freeSpace(path: string): Promise<FreeSpace> {
  try {
    return spaceOf(await statfs(path));
  } catch (error) {
    return freeSpace(parentOf(path, error));
  }
}

/** The same, synchronously. */
export function freeSpaceSync(path: string): FreeSpace {
  try {
    return spaceOf(statfsSync(path));
  } catch (error) {
    return freeSpaceSync(parentOf(path, error));
  }
}

type Counts = Pick<Awaited<ReturnType<typeof statfs>>, "bavail" | "bsize" | "files" | "ffree">;

/** File systems that do not count files, such as btrfs, report 0 for all of them. */
const spaceOf = ({ bavail, bsize, files, ffree }: Counts): FreeSpace => ({
  bytes: Number(bavail) * Number(bsize),
  hasNoFiles: Number(files) > 0 && Number(ffree) === 0,
});

/** The folder to check instead of a path that does not exist yet. */
function parentOf(path: string, error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const parent = dirname(path);
  if ((code === "ENOENT" || code === "ENOTDIR") && parent !== path) return parent;
  throw error;
}
