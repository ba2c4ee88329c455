import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Choose, chosenFrom, fetchChosen } from "./fetch-chosen.ts";
import { locate } from "./locate.ts";
import type { RemoteFile } from "./remote-file.ts";
import { checkRevision, type Repository } from "./repository-name.ts";

/** What is wanted of a repository whose files have no fixed names. */
export interface ResolveFilesOptions {
  /** A branch, a tag or a commit; `main` if left out. */
  readonly revision?: string | undefined;
  /** Called with all paths of a commit; the ones that it gives are downloaded. */
  readonly choose: Choose;
}

/** Where the chosen files are. */
export interface ResolvedFiles {
  readonly commit: string;
  /** The commit's folder in the cache, which may hold more than was chosen. */
  readonly folder: string;
  /** The chosen files, by their paths in the repository. */
  readonly files: readonly string[];
  /** Every file that the commit has, here or not. */
  readonly paths: readonly string[];
}

/**
 * The chosen files of a repository on the Hub, which are in the shared cache afterwards. Which there are is kept beside
 * them, so that half a download is never taken for the whole. Throws HubError.
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
