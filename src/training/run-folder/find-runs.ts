import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { isRunFolder } from "./run-folder.ts";

/** Entries of an inner folder that are looked at: one of pictures has more, and is looked at every few seconds. */
const MOST_INNER = 256;

/** Options of {@link findRuns}. */
export interface FindRunsOptions {
  /** Whether a link in the folder itself may be a run. */
  readonly links?: boolean;
}

/**
 * The run folders in a folder, and in those of its folders that are no runs (`demo/run`), relative to it and sorted. Hidden folders
 * are left out. Throws if the folder can't be read.
 */
export async function findRuns(
  folder: string,
  { links = false }: FindRunsOptions = {},
): Promise<string[]> {
  const runs: string[] = [];
  for (const name of await foldersIn(folder, { links })) {
    if (isRunFolder(join(folder, name))) {
      runs.push(name);
      continue;
    }
    const inner = await foldersIn(join(folder, name), { most: MOST_INNER }).catch(() => []);
    runs.push(
      ...inner.map((each) => join(name, each)).filter((each) => isRunFolder(join(folder, each))),
    );
  }
  return runs.sort();
}

async function foldersIn(
  folder: string,
  { links = false, most = Number.POSITIVE_INFINITY }: { links?: boolean; most?: number },
): Promise<string[]> {
  const found: string[] = [];
  let left = most;
  for await (const entry of await opendir(folder)) {
    if (left-- <= 0) break;
    const isFolder = entry.isDirectory() || (links && entry.isSymbolicLink());
    if (isFolder && !entry.name.startsWith(".")) found.push(entry.name);
  }
  return found;
}
