import { CachedModel, isCommit } from "./cache.ts";
import { HubClient } from "./client.ts";
import { type HubEnvironment, readHubEnvironment } from "./environment.ts";
import { HubError, HubUnreachableError } from "./errors.ts";
import { fetchFiles } from "./fetch-files.ts";
import { checkRevision, placeOf } from "./model-name.ts";
import { missingFrom, type WantedFile } from "./wanted-files.ts";

/** What is wanted of a model. */
export interface ResolveOptions {
  /** A branch, a tag or a commit; `main` if left out. For names on the Hub only. */
  readonly revision?: string | undefined;
  /** The files that the caller reads; no others are downloaded. */
  readonly files: readonly WantedFile[];
}

/**
 * The folder of a model: a folder itself, or the name of a repository on the Hub, whose wanted files are in the shared
 * cache afterwards. Nothing goes over the network for a folder, for a cached commit, or offline. Throws HubError.
 */
export async function resolveModel(
  folderOrName: string,
  { revision, files }: ResolveOptions,
): Promise<string> {
  const place = placeOf(folderOrName);
  if ("folder" in place) {
    if (revision === undefined) return place.folder;
    throw new Error(
      `Expected a name on the Hub to go with revision ${JSON.stringify(revision)} but received the folder ${place.folder}`,
    );
  }
  if (revision !== undefined) checkRevision(revision);
  return locate(place.name, revision ?? "main", files);
}

async function locate(
  name: string,
  revision: string,
  wanted: readonly WantedFile[],
): Promise<string> {
  const environment = readHubEnvironment();
  const cached = new CachedModel(environment.cacheFolder, name);
  const lacking = (commit: string): readonly string[] =>
    missingFrom(cached.snapshot(commit), wanted);

  const known = cached.commitOf(revision);
  const isWhole = known !== undefined && lacking(known).length === 0;
  const { offlineBy, cacheFolder, showsProgress } = environment;
  if (isWhole && (isCommit(revision) || offlineBy)) return cached.snapshot(known);
  if (offlineBy) {
    const what = known === undefined ? `revision ${revision}` : lacking(known).join(", ");
    const whole = cached.commits().filter((commit) => lacking(commit).length === 0);
    const others = whole.length === 0 ? "" : `, or ask for revision ${whole.join(" or ")}`;
    throw new HubError(
      `${name}: ${what} is not in the cache ${cacheFolder}, and ${offlineBy} forbids downloads; unset it${others}`,
    );
  }

  const client = new HubClient(environment, name);
  let commit = revision;
  try {
    if (!isCommit(revision)) commit = await client.commitOf(revision);
  } catch (error) {
    if (!isWhole || !(error instanceof HubUnreachableError)) throw error;
    process.stderr.write(`${error.message}. Going on with revision ${known} of the cache.\n`);
    return cached.snapshot(known);
  }
  try {
    const isNew = lacking(commit).length > 0;
    if (isNew) await fetchFiles({ name, commit, client, cached, showsProgress }, wanted);
    // Only now: a reference to half a revision would leave offline runs without the whole one that it named before.
    await cached.setReference(revision, commit);
  } catch (error) {
    throw explained(error, name, environment);
  }
  return cached.snapshot(commit);
}

/** What the disk refused, with what to do. */
function explained(error: unknown, name: string, { cacheFolder }: HubEnvironment): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (["ENOSPC", "EDQUOT"].includes(code)) {
    return new HubError(
      `${name}: the disk of ${cacheFolder} is full (${code}); make room, or set HF_HUB_CACHE to a folder of another disk: what has arrived is kept`,
      { cause: error },
    );
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(code)) {
    return new HubError(
      `${name}: the cache ${cacheFolder} cannot be written (${code}); set HF_HUB_CACHE to a folder that you may write`,
      { cause: error },
    );
  }
  return error;
}
