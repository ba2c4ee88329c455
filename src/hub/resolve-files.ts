import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Choose, chosenFrom, fetchChosen } from "./fetch-chosen.ts";
import { locate } from "./locate.ts";
import type { RemoteFile } from "./remote-file.ts";
import { checkRevision, type Repository } from "./repository-name.ts";

/** Query for files of a repository without fixed file names. */
export interface ResolveFilesOptions {
  /** Branch, tag or commit. Default: `main`. */
  readonly revision?: string | undefined;
  /** Called with all paths of a commit; returns those to download. */
  readonly choose: Choose;
}

/** The chosen files in the cache. */
export interface ResolvedFiles {
  readonly commit: string;
  /** The commit's folder in the cache, which may contain more than was chosen. */
  readonly folder: string;
  /** The chosen files, by their paths in the repository. */
  readonly files: readonly string[];
  /** Every file of the commit, cached or not. */
  readonly paths: readonly string[];
}

/**
 * Downloads the chosen files of a repository on the Hub to the shared cache. The full list is stored with them, so that a partial
 * download is never mistaken for the whole. Throws HubError.
 */
export async function resolveFiles(
  repository: Repository,
  { revision = "main", choose }: ResolveFilesOptions,
): Promise<ResolvedFiles> {
  checkRevision(revision);
  const { cached, commit } = await locate(repository, revision, (cache) => {
    const chosen = (of: string) => {
      const listing = cache.listing(of);
      return listing && chosenFrom(listing, choose);
    };
    const isThere = (of: string, path: string): boolean =>
      existsSync(join(cache.snapshot(of), path));
    return {
      lacking: (of) =>
        chosen(of)?.flatMap(({ path }) => (isThere(of, path) ? [] : [path])) ?? [
          `the list of files of ${of}`,
        ],
      isWhole: (of) => {
        const files = chosen(of) ?? [];
        return files.length > 0 && files.every(({ path }) => isThere(of, path));
      },
      fetch: (from) => fetchChosen(from, choose),
    };
  });
  const listing = cached.listing(commit) ?? new Map<string, RemoteFile>();
  return {
    commit,
    folder: cached.snapshot(commit),
    files: chosenFrom(listing, choose).map(({ path }) => path),
    paths: [...listing.keys()],
  };
}
