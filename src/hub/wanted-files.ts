import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { parseShardIndex } from "../weights/safetensors/shard-index.ts";

/** A file that a caller needs, with its possible names in a repository. */
export interface WantedFile {
  /**
   * Alternatives, the best first: only the first that exists is downloaded. Paths from the root of the repository, with `/`. A
   * name that ends in `.index.json` includes its shards.
   */
  readonly names: readonly string[];
  /** Other files that serve where the repository has none of these, such as those without a variant. */
  readonly otherwise?: readonly string[];
  /** Downloaded if it exists; otherwise a missing file is an error. Default false. */
  readonly isOptional?: boolean;
}

const isIndex = (name: string): boolean => /\.index(\.[^./]+)?\.json$/.test(name);

/** The shards of an index on disk, by their names in the repository. Throws BadFileError. */
export function shardsOf(name: string, path: string): readonly string[] {
  if (!isIndex(name)) return [];
  const shards = [...new Set(parseShardIndex(path).values())];
  return shards.map((shard) => posix.join(posix.dirname(name), shard));
}

/**
 * Which of the wanted files a folder lacks, as words for a message. A part of a repository does not tell whether the repository has a
 * better file than one that serves otherwise.
 * @param isAll whether the folder is all that there is
 */
export function missingFrom(
  folder: string,
  wanted: readonly WantedFile[],
  isAll: boolean,
): string[] {
  return wanted.flatMap(({ names, otherwise = [], isOptional = false }) => {
    const candidates = isAll ? [...names, ...otherwise] : names;
    const name = candidates.find((candidate) => existsSync(join(folder, candidate)));
    if (name === undefined) return isOptional ? [] : [names.join(" or ")];
    return shardsOf(name, join(folder, name)).filter((shard) => !existsSync(join(folder, shard)));
  });
}
