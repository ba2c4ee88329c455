import { fetchFiles } from "./fetch-files.ts";
import { locate } from "./locate.ts";
import { checkRevision, parseRepository, refuseRevision } from "./repository-name.ts";
import { missingFrom, type WantedFile } from "./wanted-files.ts";

/** Query for the files of a model. */
export interface ResolveOptions {
  /** Branch, tag or commit. Default: `main`. Only for names on the Hub. */
  readonly revision?: string | undefined;
  /** The files that the caller reads; no others are downloaded. Not looked for in a local folder. */
  readonly files: readonly WantedFile[];
}

/**
 * The folder of a model: a local folder; a model of this package, such as `emoji-demo`; or `org/name`, a repository on the Hub,
 * whose wanted files are downloaded to the shared cache. Uses no network for a folder, for a cached commit, or offline.
 * @param folderOrName tried in this order
 * @throws InvalidValueError for what is none of these, for a `revision` of a folder, and for one that can't be a revision
 * @throws HubError if the Hub or the disk does not deliver: its subclasses UnknownRepositoryError and UnknownRevisionError if the
 * Hub has no such thing, and HubUnreachableError if it does not answer
 */
export async function resolveModel(
  folderOrName: string,
  { revision, files }: ResolveOptions,
): Promise<string> {
  const place = parseRepository(folderOrName, "model");
  if ("path" in place) {
    refuseRevision(place.path, revision);
    return place.path;
  }
  if (revision !== undefined) checkRevision(revision);
  const model = { type: "model", name: place.name } as const;
  const { cached, commit } = await locate(model, revision ?? "main", (cache) => {
    const lacking = (of: string, isAll: boolean): readonly string[] =>
      missingFrom(cache.snapshot(of), files, isAll);
    return {
      lacking: (of) => lacking(of, false),
      isWhole: (of) => lacking(of, true).length === 0,
      fetch: (from) => fetchFiles(from, files),
    };
  });
  return cached.snapshot(commit);
}
