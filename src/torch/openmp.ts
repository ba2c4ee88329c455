import { readFileSync } from "node:fs";

/** Processes that want a processor at this moment, this one among them; undefined where the system doesn't tell. */
function runnable(): number | undefined {
  try {
    const found = / (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

/** Of several looks the fewest: threads of this process may run for a moment too. */
const fewestRunnable = (): number =>
  Math.min(...Array.from({ length: 5 }, () => runnable() ?? Number.POSITIVE_INFINITY));

/**
 * What `GOMP_SPINCOUNT` should be. libgomp's threads spin for milliseconds before they sleep, which bridges the pauses between
 * operators: on a quiet machine a small model's training step takes 1.2 to 1.5 times as long without. On one that others use
 * too they spin against each other, and a step takes many times as long. Undefined leaves libgomp's own.
 */
export const spinCount = (running = fewestRunnable()): string | undefined =>
  running <= 1 ? undefined : "1000";
