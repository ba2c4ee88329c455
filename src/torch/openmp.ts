import { readFileSync } from "node:fs";

/** Number of processes that are ready to run at this moment, including this one; undefined if the system doesn't report it. */
function runnable(): number | undefined {
  try {
    const found = / (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

/** The minimum of several samples, because threads of this process may also run for a moment. */
const fewestRunnable = (): number =>
  Math.min(...Array.from({ length: 5 }, () => runnable() ?? Number.POSITIVE_INFINITY));

/**
 * What `GOMP_SPINCOUNT` should be. libgomp's threads spin for milliseconds before they sleep, which bridges the pauses between
 * operators: on an idle machine a small model's training step takes 1.2 to 1.5 times as long without. On a shared machine the
 * threads compete while spinning, and a step takes many times as long. Undefined keeps libgomp's default.
 */
export const spinCount = (running = fewestRunnable()): string | undefined =>
  running <= 1 ? undefined : "1000";
