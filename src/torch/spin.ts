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

/** Milliseconds for which each thread of this process has waited for a processor, by its number. */
type Waits = ReadonlyMap<string, number>;

const TASKS = "/proc/self/task";

/** Milliseconds that a thread has run and waited; undefined if it has ended, or the system doesn't count. */
function timesOf(thread: string): readonly [ran: number, waited: number] | undefined {
  try {
    const text = readFileSync(`${TASKS}/${thread}/schedstat`, "utf8");
    const [ran = 0, waited = 0] = text.split(" ").map((nanoseconds) => Number(nanoseconds) / 1e6);
    return [ran, waited];
  } catch {
    return undefined;
  }
}

/** Undefined if the threads cannot be listed at this moment. */
function waitsNow(): Waits | undefined {
  try {
    return new Map(readdirSync(TASKS).map((thread) => [thread, timesOf(thread)?.[1] ?? 0]));
  } catch {
    return undefined;
  }
}

/** Whether the system counts at all: some sandboxes have no such file, and some kernels always say 0. */
const areCounted = (): boolean => (timesOf(String(process.pid))?.[0] ?? 0) > 0;

/** The largest share of the time that one thread waited: every other one waits for that. Threads may begin and end meanwhile. */
export function largestShare(before: Waits, after: Waits, elapsedMs: number): number {
  const shares = [...after].map(
    ([thread, wait]) => (wait - (before.get(thread) ?? wait)) / elapsedMs,
  );
  return Math.max(0, ...shares);
}

const PERIOD_MS = 1000;

/**
 * Of a period, as {@link largestShare} has it. In training on two cores the two threads waited together 0.01 alone, 0.04 to 0.08
 * alone while spinning, and 0.5 to 0.7 beside one other process. Not measured on more cores.
 */
const [CALM, CROWDED] = [0.05, 0.15];
/**
 * Most calm periods in a row before spinning is tried again. A trial in vain costs a training half of two periods; without
 * spinning, one on two cores of a virtual machine ran at 0.4 of its speed until all was calm for so long.
 */
const MOST_PATIENCE = 10;

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

  /** @param share of the last period that was waited, from 0 to 1 */
  observe(share: number): void {
    this.#periods++;
    this.#contrary = (this.#spins ? share > CROWDED : share < CALM) ? this.#contrary + 1 : 0;
    // One crowded period is not enough: saving a checkpoint is one.
    if (this.#contrary < (this.#spins ? 2 : this.#patience)) return;
    if (this.#spins)
      this.#patience = this.#periods > 60 ? 3 : Math.min(MOST_PATIENCE, 2 * this.#patience);
    this.#spins = !this.#spins;
    this.#periods = this.#contrary = 0;
    this.#set(this.#spins);
  }
}

/** The part of the addon that a watch uses. */
export interface SpinControl {
  /** Whether this thread is the one that watches for its process. */
  claimSpin(): boolean;
  setSpin(spins: boolean): void;
}

/**
 * Watches from now on, unless the user has chosen how threads wait or another thread watches. Where the system doesn't count
 * waits, the start decides. Costs a read of a small file per thread of this process a second.
 */
export function watchSpin(control: SpinControl, startsShared = isShared()): void {
  const { OMP_WAIT_POLICY, GOMP_SPINCOUNT } = process.env;
  if (OMP_WAIT_POLICY !== undefined || GOMP_SPINCOUNT !== undefined) return;
  if (!control.claimSpin()) return;
  let timer: NodeJS.Timeout | undefined;
  const set = (spins: boolean): void => {
    try {
      control.setSpin(spins);
    } catch {
      clearInterval(timer); // no thread can be had: waiting stays as it is
    }
  };
  const watch = new SpinWatch(set, !startsShared);
  if (!areCounted()) return;
  let [before, waits] = [performance.now(), waitsNow()];
  timer = setInterval(() => {
    const [now, found] = [performance.now(), waitsNow()];
    if (waits !== undefined && found !== undefined)
      watch.observe(largestShare(waits, found, now - before));
    [before, waits] = [now, found];
  }, PERIOD_MS).unref();
}
