import type { World } from "../../distributed/index.ts";
import { isStop, StoppedElsewhere } from "../contract/stopped.ts";

/** Work that a signal ends. */
type Work = (signal: AbortSignal) => Promise<void>;

/**
 * Runs work in all processes, each its own, that may take hours in some. A signal to any process ends it in all of them, with a
 * delay of at most one of {@link World.together}'s meetings: then all throw the signal's reason or {@link StoppedElsewhere}. If
 * the work fails in one, the others learn of it when that process ends.
 */
export async function allForLong(
  world: World,
  signal: AbortSignal | undefined,
  body: Work,
  meetMs?: number,
): Promise<void> {
  const stop = new AbortController();
  if (world.size === 1) return body(signal ?? stop.signal);
  const work = body(stop.signal).catch((error: unknown) => {
    if (!isStop(error, stop.signal)) throw error;
  });
  await world.together(work, {
    ...(meetMs !== undefined && { every: meetMs }),
    atEach: () => {
      if (world.any(signal?.aborted === true) && !stop.signal.aborted)
        stop.abort(signal?.aborted ? signal.reason : new StoppedElsewhere());
    },
  });
  stop.signal.throwIfAborted();
}

/** Runs work in the first process, as {@link allForLong}, while the others wait. */
export const firstForLong = (
  world: World,
  signal: AbortSignal | undefined,
  body: Work,
  meetMs?: number,
): Promise<void> => allForLong(world, signal, world.isFirst ? body : async () => {}, meetMs);
