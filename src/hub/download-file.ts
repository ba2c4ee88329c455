import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { withLock } from "../files/locks/with-lock.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { CachedRepository } from "./cache.ts";
import type { HubClient } from "./client.ts";
import { download } from "./download.ts";
import type { FileProgress } from "./progress/progress.ts";
import type { RemoteFile } from "./remote-file.ts";
import type { Repository } from "./repository-name.ts";

/** Where files come from and go to. */
export interface FetchPlace {
  readonly repository: Repository;
  /** As it was asked for, for messages. */
  readonly revision: string;
  readonly commit: string;
  readonly client: HubClient;
  readonly cached: CachedRepository;
  /** Whether downloads are shown on stderr. */
  readonly showsProgress: boolean;
}

/** What is told while a file is brought. */
export interface DownloadEvents {
  /** Called where it is downloaded, before the first byte. */
  readonly onStart: () => FileProgress;
  /** Called where another process downloads it already. */
  readonly onWait: () => void;
}

/** Whether the content of a file is in the cache, under whichever name. */
export const isStored = (file: RemoteFile, cached: CachedRepository): boolean =>
  sizeOf(cached.blob(file.etag)) === file.size;

/** Brings one file of a commit into the cache; one that is there already is not asked for. */
export async function downloadFile(
  file: RemoteFile,
  { commit, client, cached }: FetchPlace,
  { onStart, onWait }: DownloadEvents,
): Promise<void> {
  if (sizeOf(join(cached.snapshot(commit), file.path)) === file.size) return;
  if (!isStored(file, cached)) {
    const blob = cached.blob(file.etag);
    await makeFolder(dirname(blob));
    await withLock(cached.lock(file.etag), onWait, async () => {
      if (isStored(file, cached)) return; // the process that had the lock brought it
      await download(blob, {
        file,
        request: (from, signal) => client.open(commit, file.path, from, signal),
        progress: onStart(),
      });
    });
  }
  await cached.link(commit, file.path, file.etag);
}

const sizeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.size;
