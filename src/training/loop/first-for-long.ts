import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { World } from "../../distributed/index.ts";
import { isStop, StoppedElsewhere } from "../contract/stopped.ts";

/** Interval at which processes meet; a signal reaches the other processes with at most this delay. */
const MEET_MS = 5000;

/**
 * Runs work in the first process that may take hours. The others synchronize with it every few seconds, so none exceeds the
 * timeout of a collective. A signal to any process ends the work: then all throw the signal's reason or {@link StoppedElsewhere}.
 * If the work fails, the others learn of it when the process ends, as in `World.first`.
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
    .catch(() => {}) // handled below
    .finally(() => {
      isOpen = false;
    });
  do {
    // The others wait in the collective and handle signals between two of them.
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
