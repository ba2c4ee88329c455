import { existsSync } from "node:fs";
import { join, posix } from "node:path";
import { parseShardIndex } from "../weights/safetensors/shard-index.ts";

/** A file that a caller needs, under the names that it may have in a repository, the best first. */
export interface WantedFile {
  /** From the top of the repository, with `/`. One that ends in `.index.json` stands for its shards too. */
  readonly names: readonly string[];
  /** Taken where it is there. */
  readonly isOptional?: boolean;
}

const isIndex = (name: string): boolean => /\.index(\.[^./]+)?\.json$/.test(name);

/** The shards beside an index that is on the disk, by their names in the repository. Throws BadFileError. */
export function shardsOf(name: string, path: string): readonly string[] {
  if (!isIndex(name)) return [];
  const shards = [...new Set(parseShardIndex(path).values())];
  return shards.map((shard) => posix.join(posix.dirname(name), shard));
}

/** What a folder lacks of the wanted files, as words for a message. */
export function missingFrom(folder: string, wanted: readonly WantedFile[]): string[] {
  return wanted.flatMap(({ names, isOptional = false }) => {
    const name = names.find((candidate) => existsSync(join(folder, candidate)));
    if (name === undefined) return isOptional ? [] : [names.join(" or ")];
    return shardsOf(name, join(folder, name)).filter((shard) => !existsSync(join(folder, shard)));
  });
}
