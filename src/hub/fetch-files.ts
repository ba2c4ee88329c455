import { statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type { CachedModel } from "./cache.ts";
import type { HubClient, RemoteFile } from "./client.ts";
import { download } from "./download.ts";
import { HubError } from "./errors.ts";
import { withLock } from "./lock.ts";
import { noProgress, showProgress } from "./progress.ts";
import { shardsOf, type WantedFile } from "./wanted-files.ts";

/** Where files come from and go to. */
export interface FetchPlace {
  readonly name: string;
  readonly commit: string;
  readonly client: HubClient;
  readonly cached: CachedModel;
  /** Whether downloads are shown on stderr. */
  readonly showsProgress: boolean;
}

/** Brings the wanted files of a commit into the cache; those that are there already are not asked for. */
export async function fetchFiles(place: FetchPlace, wanted: readonly WantedFile[]): Promise<void> {
  const listing = await place.client.files(place.commit);
  for (const file of chosenFrom(listing, wanted, place)) {
    await bring(file, place);
    const path = join(place.cached.snapshot(place.commit), file.path);
    for (const shard of shardsOf(file.path, path)) {
      const [found] = chosenFrom(listing, [{ names: [shard] }], place);
      if (found !== undefined) await bring(found, place);
    }
  }
}

/** The best name of each wanted file that the commit has. Throws HubError for all that it lacks. */
function chosenFrom(
  listing: ReadonlyMap<string, RemoteFile>,
  wanted: readonly WantedFile[],
  { name, commit }: FetchPlace,
): readonly RemoteFile[] {
  const lacking: WantedFile[] = [];
  const chosen = wanted.flatMap((file) => {
    const found = file.names.map((path) => listing.get(path)).find((entry) => entry !== undefined);
    if (found === undefined && !file.isOptional) lacking.push(file);
    return found ?? [];
  });
  if (lacking.length === 0) return chosen;
  const folders = new Set(lacking.flatMap(({ names }) => names.map(posix.dirname)));
  const beside = [...listing.keys()].filter((path) => folders.has(posix.dirname(path)));
  throw new HubError(
    `${name}: expected ${lacking.map(({ names }) => names.join(" or ")).join(", ")} in commit ${commit} but found ${beside.slice(0, 20).join(", ") || "nothing in that folder"}`,
  );
}

async function bring(file: RemoteFile, place: FetchPlace): Promise<void> {
  const { commit, client, cached } = place;
  if (sizeOf(join(cached.snapshot(commit), file.path)) === file.size) return;
  const blob = cached.blob(file.etag);
  const isThere = (): boolean => sizeOf(blob) === file.size;
  if (!isThere()) {
    await mkdir(dirname(blob), { recursive: true });
    const onWait = (): void => {
      if (place.showsProgress) process.stderr.write(`${file.path}: another process downloads it\n`);
    };
    await withLock(cached.lock(file.etag), onWait, async () => {
      if (isThere()) return; // the process that had the lock brought it
      await download(blob, {
        file,
        request: (from, signal) => client.open(commit, file.path, from, signal),
        progress: place.showsProgress ? showProgress(file.path, file.size) : noProgress,
      });
    });
  }
  await cached.link(commit, file.path, file.etag);
}

const sizeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.size;
