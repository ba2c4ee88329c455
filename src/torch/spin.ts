/**
 * How long OpenMP's threads wait for each other awake. libgomp's spin for milliseconds before they sleep. That bridges the pauses
 * between operators: on an idle machine a small model's training step takes 1.2 to 1.5 times as long without. Beside other
 * processes they spin against those, and a step takes many times as long. So spinning ends while others run.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Number of processes that are ready to run at this moment, including this one; undefined if the system doesn't report it. */
function runnable(): number | undefined {
  try {
    const found = / (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "utf8"));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}

/** Whether others run. The fewest of several samples count, because threads of this process may also run for a moment. */
const isShared = (): boolean =>
  Math.min(...Array.from({ length: 5 }, () => runnable() ?? Number.POSITIVE_INFINITY)) > 1;

/** Milliseconds for which one thread has waited for a processor; 0 if it has ended. */
function waitOf(thread: string): number {
  try {
    const [, nanoseconds] = readFileSync(`/proc/self/task/${thread}/schedstat`, "utf8").split(" ");
    return Number(nanoseconds) / 1e6;
  } catch {
    return 0;
  }
}

/** The same for all threads of this process; undefined if the system doesn't report it. */
function processorWait(): number | undefined {
  try {
    return readdirSync("/proc/self/task").reduce((sum, thread) => sum + waitOf(thread), 0);
  } catch {
    return undefined;
  }
}

const PERIOD_MS = 1000;

/** Of a period. Training alone on two cores waits for 0.01 of it, or 0.04 to 0.08 while threads spin; beside one other process for more than 0.3. */
const [CALM, CROWDED] = [0.05, 0.2];

/** Decides whether threads may spin, from how long they wait for processors. */
export class SpinWatch {
  readonly #set: (spins: boolean) => void;
  #spins: boolean;
  /** Periods since the last change, and those of the other kind in a row up to now. */
  #periods = 0;
  #contrary = 0;
  /** Calm periods before spinning is tried again: more after each short trial, because threads of one process compete too. */
  #patience = 3;

  constructor(set: (spins: boolean) => void, spins: boolean) {
    this.#set = set;
    this.#spins = spins;
    set(spins);
  }

  /** @param share milliseconds that all threads together waited for a processor, per millisecond of the last period */
  observe(share: number): void {
    this.#periods++;
    this.#contrary = (this.#spins ? share > CROWDED : share < CALM) ? this.#contrary + 1 : 0;
    // One crowded period is not enough: saving a checkpoint is one.
    if (this.#contrary < (this.#spins ? 2 : this.#patience)) return;
    if (this.#spins) this.#patience = this.#periods > 60 ? 3 : Math.min(60, 2 * this.#patience);
    this.#spins = !this.#spins;
    this.#periods = this.#contrary = 0;
    this.#set(this.#spins);
  }
}

/** Watches from now on, unless the user has chosen how threads wait. Where the system doesn't report waits, the start decides. */
export function watchSpin(set: (spins: boolean) => void): void {
  const { OMP_WAIT_POLICY, GOMP_SPINCOUNT } = process.env;
  if (OMP_WAIT_POLICY !== undefined || GOMP_SPINCOUNT !== undefined) return;
  const watch = new SpinWatch(set, !isShared());
  let [before, waitBefore] = [performance.now(), processorWait()];
  if (waitBefore === undefined) return;
  const observe = (): void => {
    const [now, wait] = [performance.now(), processorWait()];
    if (wait !== undefined && waitBefore !== undefined)
      watch.observe(Math.max(0, wait - waitBefore) / (now - before));
    [before, waitBefore] = [now, wait];
  };
  setInterval(observe, PERIOD_MS).unref();
}
