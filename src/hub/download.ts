import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openToFill } from "../files/open-file.ts";
import { removeFile } from "../files/remove.ts";
import { renamePath } from "../files/rename.ts";
import { syncFolder } from "../files/sync-folder.ts";
import { writeBytes, writing } from "../files/write-error.ts";
import { HubError, HubUnreachableError } from "./errors.ts";
import { STALL_MS } from "./network-limits.ts";
import { PartialFile } from "./partial-file.ts";
import type { FileProgress } from "./progress/progress.ts";
import type { RemoteFile } from "./remote-file.ts";

/** A file and the source of its bytes. */
export interface Download {
  readonly file: RemoteFile;
  /** Requests it from a byte offset. */
  readonly request: (from: number, signal: AbortSignal) => Promise<Response>;
  readonly progress: FileProgress;
}

// Between attempts without any progress; progress starts the sequence again.
const PAUSES_MS = [250, 500, 1_000, 2_000, 4_000];

/**
 * Downloads a file to `path`, which appears complete and verified or not at all. A partial download is kept next to it, and a
 * later call resumes from there. Throws HubError if the content never arrives or does not match the file's hash.
 */
export async function download(path: string, job: Download): Promise<void> {
  // Older releases of huggingface_hub append to `{path}.incomplete`: this name is only used here.
  const incomplete = `${path}.pixart.incomplete`;
  // Neither appended to nor truncated: each byte goes to its own position, so that a second writer, should the lock fail on some
  // network file system, only writes the same bytes again.
  const handle = await openToFill(incomplete);
  try {
    const { file } = job;
    const arriving = new PartialFile(handle, incomplete, file);
    const kept = Math.min((await handle.stat()).size, file.size);
    await arriving.keep(kept);
    await fill(arriving, job);
    if (!arriving.isRight && kept > 0) {
      await arriving.keep(0); // the earlier bytes may be the bad ones
      await fill(arriving, job);
    }
    if (!arriving.isRight) {
      await removeFile(incomplete);
      throw new HubError(
        `${file.path}: expected ${file.size} bytes with the hash ${file.etag} but received different ones, which were discarded; try again`,
      );
    }
    const { size } = file;
    await writing({ path: incomplete, aim: writeBytes(size), neededBytes: size }, async () => {
      await handle.truncate(size);
      await handle.sync();
    });
  } catch (error) {
    job.progress.stop();
    throw error;
  } finally {
    await handle.close();
  }
  await renamePath(incomplete, path);
  await syncFolder(dirname(path));
  job.progress.finish();
}

async function fill(arriving: PartialFile, job: Download): Promise<void> {
  let pauses = PAUSES_MS.values();
  while (arriving.position < arriving.size) {
    const before = arriving.position;
    const failure = await receive(arriving, job);
    if (failure === undefined) return;
    if (arriving.position > before) pauses = PAUSES_MS.values();
    const pause = pauses.next();
    if (pause.done) throw failure;
    await sleep(pause.value);
  }
}

/** One request. Returns an error after which a retry may help, and throws others. */
async function receive(
  arriving: PartialFile,
  { file, request, progress }: Download,
): Promise<HubUnreachableError | undefined> {
  const stalled = new AbortController();
  const watch = setTimeout(() => stalled.abort(), STALL_MS).unref();
  const cutShort = (why: string, cause?: unknown): HubUnreachableError =>
    new HubUnreachableError(
      `${file.path}: the connection broke after ${arriving.position} of ${file.size} bytes (${why}); they are kept, and the next call continues from there`,
      { cause },
    );
  try {
    const response = await request(arriving.position, stalled.signal);
    const start = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
    // A server without range support sends the whole file.
    if (Number(start ?? 0) !== arriving.position) await arriving.keep(Number(start ?? 0));
    const reader = response.body?.getReader();
    let broken: HubUnreachableError | undefined;
    while (reader && !broken && arriving.position < arriving.size) {
      const next = await reader.read().catch((error: unknown) => cutShort(String(error), error));
      if (next instanceof HubUnreachableError) broken = next;
      else if (next.done) broken = cutShort("the server closed it");
      else {
        watch.refresh();
        await arriving.append(next.value);
        progress.update(arriving.position);
      }
    }
    await arriving.flush();
    if (!broken) await reader?.cancel();
    return broken;
  } catch (error) {
    if (error instanceof HubUnreachableError) return error;
    throw error;
  } finally {
    clearTimeout(watch);
  }
}
