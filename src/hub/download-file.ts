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

/** Source and destination of files. */
export interface FetchPlace {
  readonly repository: Repository;
  /** As requested, for messages. */
  readonly revision: string;
  readonly commit: string;
  readonly client: HubClient;
  readonly cached: CachedRepository;
  /** Whether downloads are shown on stderr. */
  readonly showsProgress: boolean;
}

/** Callbacks of one file's download. */
export interface DownloadEvents {
  /** Called before the first byte if the file is downloaded. */
  readonly onStart: () => FileProgress;
  /** Called if another process is already downloading it. */
  readonly onWait: () => void;
}

/** Whether the content of a file is in the cache, under any name. */
export const isStored = (file: RemoteFile, cached: CachedRepository): boolean =>
  sizeOf(cached.blob(file.etag)) === file.size;

/** Downloads one file of a commit into the cache, unless it is already there. */
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
      if (isStored(file, cached)) return; // the process that had the lock downloaded it
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
