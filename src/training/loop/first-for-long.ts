import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { World } from "../../distributed/index.ts";
import { isStop, StoppedElsewhere } from "../contract/stopped.ts";

/** Between two meetings: a signal is heard so much later by the other processes. */
const MEET_MS = 5000;

/**
 * Does in the first process what may take hours. The others meet it every few seconds, so that none waits longer than a
 * collective may, and a signal to any of them ends it: then all throw that signal's reason, or {@link StoppedElsewhere}. Where it
 * fails they learn of it by the process's end, as in `World.first`.
 */
export async function firstForLong(
  world: World,
  signal: AbortSignal | undefined,
  body: (signal: AbortSignal) => Promise<void>,
  meetMs: number = MEET_MS,
): Promise<void> {
  const stop = new AbortController();
  if (world.size === 1) return body(signal ?? stop.signal);
  let isOpen = world.isFirst;
  const work = isOpen ? body(stop.signal) : Promise.resolve();
  const ended = work
    .catch(() => {}) // what it was is seen below
    .finally(() => {
      isOpen = false;
    });
  do {
    // The others wait in the collective, and hear signals between two of them.
    await (isOpen ? Promise.race([ended, sleep(meetMs)]) : nextTurn());
    if (world.isFirst && !isOpen)
      await work.catch((error: unknown) => {
        if (!isStop(error, stop.signal)) throw error;
      });
    if (world.any(signal?.aborted === true) && !stop.signal.aborted)
      stop.abort(signal?.aborted ? signal.reason : new StoppedElsewhere());
  } while (world.any(isOpen));
  stop.signal.throwIfAborted();
}
