import { DiskFullError } from "../files/write-error.ts";
import { CachedRepository, isCommit } from "./cache.ts";
import { HubClient } from "./client.ts";
import type { FetchPlace } from "./download-file.ts";
import { type HubEnvironment, readHubEnvironment } from "./environment.ts";
import { HubError, HubUnreachableError, UnknownRepositoryError } from "./errors.ts";
import { missingHere, type Repository } from "./repository-name.ts";

/** Query for files of a repository. */
export interface SnapshotQuery {
  /** What a cached commit lacks, as words for a message; empty if complete. */
  readonly lacking: (commit: string) => readonly string[];
  /** Whether a cached commit suffices where nothing can be downloaded: it has everything, and at least one file. */
  readonly isWhole: (commit: string) => boolean;
  /** Downloads the files. */
  readonly fetch: (place: FetchPlace) => Promise<void>;
}

/** A cached commit that satisfies a query. */
export interface FoundSnapshot {
  readonly cached: CachedRepository;
  readonly commit: string;
}

const SHOWN = 5;

/**
 * Returns a commit of the shared cache that satisfies the query for a revision, downloading what is missing. Uses no network for
 * a cached commit, or offline. Throws HubError.
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
  const stored = whole ?? (known && wish.isWhole(known) ? { cached, commit: known } : undefined);
  const { offlineBy, cacheFolder, showsProgress } = environment;
  if (whole && isCommit(revision)) return whole;
  if (stored && offlineBy) return stored;
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
    if (!stored || !isUnreachable) {
      const mayBePath = !isKnown && (isUnreachable || error instanceof UnknownRepositoryError);
      throw mayBePath ? pathFirst(error, repository) : error;
    }
    process.stderr.write(`${error.message}. Using revision ${known} from the cache.\n`);
    return stored;
  }
  try {
    const isNew = wish.lacking(commit).length > 0;
    if (isNew) await wish.fetch({ repository, revision, commit, client, cached, showsProgress });
    // Only now: a reference to an incomplete revision would hide the complete one that it named before from offline runs.
    await cached.setReference(revision, commit);
  } catch (error) {
    if (stored?.commit === commit && error instanceof HubUnreachableError) return stored;
    throw explained(error, name, environment);
  }
  return { cached, commit };
}

/** Says first that there is no local folder of that name: `data/emoji` is more likely a folder that does not exist yet. */
function pathFirst(error: HubError, repository: Repository): HubError {
  const Kind = error.constructor as typeof HubError;
  const reason = error.message.slice(
    error.message.startsWith(`${repository.name}: `) ? repository.name.length + 2 : 0,
  );
  return new Kind(`${missingHere(repository)}; as a name on the Hub: ${reason}`, { cause: error });
}

/** Explains an error of the disk, with what to do. */
function explained(error: unknown, name: string, { cacheFolder }: HubEnvironment): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? "";
  if (error instanceof DiskFullError) {
    const { path, neededBytes, freeBytes } = error;
    const room = [
      ...(neededBytes === undefined ? [] : [`needs ${neededBytes} bytes more`]),
      ...(freeBytes === undefined ? [] : [`has ${freeBytes} bytes free`]),
    ].join(" and ");
    return new HubError(
      `${name}: the disk of ${cacheFolder} is full (${code}); make room, or set HF_HUB_CACHE to a folder on another disk: what has arrived is kept${room === "" ? "" : `. ${path} ${room}`}`,
      { cause: error },
    );
  }
  if (["EACCES", "EPERM", "EROFS", "ENOTDIR"].includes(code)) {
    return new HubError(
      `${name}: the cache ${cacheFolder} cannot be written (${code}); set HF_HUB_CACHE to a folder that you can write to`,
      { cause: error },
    );
  }
  return error;
}
