import { untilStopped } from "./stopped.ts";

/** Time between two yields to the event loop. */
const SLICE_MS = 10;

/**
 * Calls a synchronous function for each item, in slices between which signals and timers are handled. Throws the signal's reason
 * if it is aborted.
 */
export async function eachInSlices<T>(
  items: Iterable<T>,
  visit: (item: T) => void,
  signal?: AbortSignal,
): Promise<void> {
  let end = performance.now() + SLICE_MS;
  for (const item of items) {
    visit(item);
    if (performance.now() < end) continue;
    await untilStopped(signal);
    end = performance.now() + SLICE_MS;
  }
}
