import { DiskFullError } from "../files/write-error.ts";
import { CachedRepository, isCommit } from "./cache.ts";
import { HubClient } from "./client.ts";
import type { FetchPlace } from "./download-file.ts";
import { type HubEnvironment, readHubEnvironment } from "./environment.ts";
import { HubError, HubUnreachableError, UnknownRepositoryError } from "./errors.ts";
import { missingHere, type Repository } from "./repository-name.ts";

/** What is wanted of a repository. */
export interface SnapshotQuery {
  /** What a commit in the cache lacks of it, as words for a message; none where it is whole. */
  readonly lacking: (commit: string) => readonly string[];
  /** Whether a commit in the cache has all of it, and there is something. */
  readonly isWhole: (commit: string) => boolean;
  /** Brings it. */
  readonly fetch: (place: FetchPlace) => Promise<void>;
}

/** Where a wish is fulfilled. */
export interface FoundSnapshot {
  readonly cached: CachedRepository;
  readonly commit: string;
}

const SHOWN = 5;

/**
 * The commit of the shared cache that has what is wanted of a revision afterwards. Nothing goes over the network for a
 * cached commit, or offline. Throws HubError.
 */
export async function locate(
  repository: Repository,
  revision: string,
  wishOf: (cached: CachedRepository) => SnapshotQuery,
): Promise<FoundSnapshot> {
  const { name } = repository;
  const environment = readHubEnvironment();
  const cached = new CachedRepository(environment.cacheFolder, repository);
  const isKnown = cached.commits().length > 0;
  const wish = wishOf(cached);

  const known = cached.commitOf(revision);
  const lacking = known === undefined ? [`revision ${revision}`] : wish.lacking(known);
  const whole = known !== undefined && lacking.length === 0 ? { cached, commit: known } : undefined;
  const { offlineBy, cacheFolder, showsProgress } = environment;
  if (whole && (isCommit(revision) || offlineBy)) return whole;
  if (offlineBy) {
    const more = lacking.length > SHOWN ? ` and ${lacking.length - SHOWN} more` : "";
    const commits = cached.commits().filter(wish.isWhole);
    const others = commits.length === 0 ? "" : `, or ask for revision ${commits.join(" or ")}`;
    const error = new HubError(
      `${name}: ${lacking.slice(0, SHOWN).join(", ")}${more} is not in the cache ${cacheFolder}, and ${offlineBy} forbids downloads; unset it${others}`,
    );
    throw isKnown ? error : pathFirst(error, repository);
  }

  const client = new HubClient(environment, repository);
  let commit = revision;
  try {
    if (!isCommit(revision)) commit = await client.commitOf(revision);
  } catch (error) {
    const isUnreachable = error instanceof HubUnreachableError;
    if (!whole || !isUnreachable) {
      const mayBePath = !isKnown && (isUnreachable || error instanceof UnknownRepositoryError);
      throw mayBePath ? pathFirst(error, repository) : error;
    }
    process.stderr.write(`${error.message}. Going on with revision ${known} of the cache.\n`);
    return whole;
  }
  try {
    const isNew = wish.lacking(commit).length > 0;
    if (isNew) await wish.fetch({ repository, revision, commit, client, cached, showsProgress });
    // Only now: a reference to half a revision would leave offline runs without the whole one that it named before.
    await cached.setReference(revision, commit);
  } catch (error) {
    throw explained(error, name, environment);
  }
  return { cached, commit };
}

/** Puts first that nothing of a name is here: `data/emoji` is more likely a folder that is yet to be made. */
function pathFirst(error: HubError, repository: Repository): HubError {
  const Kind = error.constructor as typeof HubError;
  const reason = error.message.slice(
    error.message.startsWith(`${repository.name}: `) ? repository.name.length + 2 : 0,
  );
  return new Kind(`${missingHere(repository)}; as a name on the Hub: ${reason}`, { cause: error });
}

/** What the disk refused, with what to do. */
function explained(error: unknown, name: string, { cacheFolder }: HubEnvironment): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (error instanceof DiskFullError) {
    const { path, neededBytes, freeBytes } = error;
    const room = [
      ...(neededBytes === undefined ? [] : [`needs ${neededBytes} bytes more`]),
      ...(freeBytes === undefined ? [] : [`has ${freeBytes} bytes free`]),
    ].join(" and ");
    return new HubError(
      `${name}: the disk of ${cacheFolder} is full (${code}); make room, or set HF_HUB_CACHE to a folder of another disk: what has arrived is kept${room === "" ? "" : `. ${path} ${room}`}`,
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
