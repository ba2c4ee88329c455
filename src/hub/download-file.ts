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

/** Whether a file is in its place in the cache, or its content under another name. */
export const isStored = (file: RemoteFile, place: FetchPlace): boolean =>
  isPlaced(file, place) || hasContent(file, place);

const isPlaced = (file: RemoteFile, { cached, commit }: FetchPlace): boolean =>
  sizeOf(join(cached.snapshot(commit), file.path)) === file.size;

const hasContent = (file: RemoteFile, { cached }: FetchPlace): boolean =>
  sizeOf(cached.content(file.etag)) === file.size;

/**
 * Downloads one file of a commit into the cache, unless it is already there. If the file system has no symbolic links, the file
 * itself is in the commit's folder, where huggingface_hub puts and finds it too.
 */
export async function downloadFile(
  file: RemoteFile,
  place: FetchPlace,
  { onStart, onWait }: DownloadEvents,
): Promise<void> {
  const { commit, client, cached } = place;
  const { path, etag } = file;
  if (isPlaced(file, place)) return;
  if (hasContent(file, place) && (await cached.link(commit, path, etag))) return;
  await withLock(cached.lock(etag), onWait, async () => {
    if (isPlaced(file, place)) return; // by the process that had the lock
    const isNew = !hasContent(file, place);
    if (isNew) {
      const blob = cached.blob(etag);
      await makeFolder(dirname(blob));
      await download(blob, {
        file,
        request: (from, signal) => client.open(commit, path, from, signal),
        progress: onStart(),
      });
    }
    if (await cached.link(commit, path, etag)) return;
    if (isNew) await cached.moveTo(commit, path, etag);
    else await cached.copyTo(commit, path, etag);
  });
}

const sizeOf = (path: string): number | undefined =>
  statSync(path, { throwIfNoEntry: false })?.size;
