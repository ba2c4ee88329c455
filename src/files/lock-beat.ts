import { Worker } from "node:worker_threads";

/** Between two signs of life. */
export const BEAT_MS = 5_000;

/** What the worker is told: to hold the lock of this content at a path, or with null to let go of it. */
export interface BeatMessage {
  readonly content: string;
  readonly path: string | null;
}

let thread: Worker | undefined;

/**
 * Renews a lock file's times from now on, from a thread of its own: steps and encoders keep this one busy for minutes. Gives
 * what ends that.
 */
export function startBeat(path: string, content: string): () => void {
  thread ??= startThread();
  const own = thread;
  own.postMessage({ content, path } satisfies BeatMessage);
  return () => own.postMessage({ content, path: null } satisfies BeatMessage);
}

function startThread(): Worker {
  const script = new URL("./lock-beat-worker.js", import.meta.url);
  const worker = new Worker(script, { workerData: BEAT_MS, execArgv: [] });
  worker.unref();
  return worker;
}
