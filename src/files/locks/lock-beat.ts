import { Worker } from "node:worker_threads";
import { threadScript } from "../package/package-folder.ts";

/** Interval between two beats. */
export const BEAT_MS = 5_000;

/** Message to the worker: hold the lock with this content at a path or, with null, let go of it. */
export interface BeatMessage {
  readonly content: string;
  readonly path: string | null;
}

/** Paths of this process's locks, by their content. */
const held = new Map<string, string>();
let thread: Worker | undefined;

/**
 * Renews a lock file's times from now on, in a separate thread, because steps and encoders keep this one busy for minutes.
 * Returns a function that stops it.
 */
export function startBeat(path: string, content: string): () => void {
  held.set(content, path);
  if (thread === undefined) startThread();
  else tell(content, path);
  return () => {
    held.delete(content);
    tell(content, null);
  };
}

function tell(content: string, path: string | null): void {
  thread?.postMessage({ content, path } satisfies BeatMessage);
}

/** Starts the thread, and restarts it one beat after it ends, for lack of memory or of processes. */
function startThread(): void {
  const script = threadScript(new URL("./lock-beat-worker.js", import.meta.url));
  const worker = new Worker(script, { workerData: BEAT_MS, execArgv: [] });
  worker.unref();
  worker.once("error", (error) => process.emitWarning(`Locks could not be kept alive: ${error}`));
  worker.once("exit", () => {
    thread = undefined;
    setTimeout(() => {
      if (thread === undefined && held.size > 0) startThread();
    }, BEAT_MS).unref();
  });
  thread = worker;
  for (const [content, path] of held) tell(content, path);
}
