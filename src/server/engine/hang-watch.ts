import { computingTicks } from "../../files/processes/process-stat.ts";

/** Interval between two looks at the process. */
const LOOK_MS = 5000;
/** Looks in a row without a sign of life after which it counts as hung: 30 s while it draws; 5 min while it loads, perhaps from a network. */
const MOST_QUIET_LOOKS = { drawing: 6, loading: 60 };
/** Computing time that a waiting Node.js process takes by itself meanwhile, at most: 50 ms. */
const IDLE_TICKS = 5;

/** What a watch looks at, and what it does. */
export interface HangWatchOptions {
  readonly pid: number;
  /** What the process should be doing; undefined if nothing. */
  readonly work: () => keyof typeof MOST_QUIET_LOOKS | undefined;
  readonly onHung: (seconds: number) => void;
  readonly lookMs?: number;
}

/**
 * Notices a process that has work and neither computes nor reports: one that was stopped, or whose threads wait for each other. One
 * that computes may take as long as it likes. Looks are counted, not time, so that a machine that slept is no hung process. Does
 * nothing on systems without /proc.
 */
export class HangWatch {
  readonly #options: HangWatchOptions;
  readonly #lookMs: number;
  readonly #timer: NodeJS.Timeout;
  #quietLooks = 0;
  /** Computing time at the last sign of life. */
  #ticks: number | undefined;

  constructor(options: HangWatchOptions) {
    this.#options = options;
    this.#lookMs = options.lookMs ?? LOOK_MS;
    this.#timer = setInterval(() => this.#look(), this.#lookMs).unref();
  }

  /** Takes note of a report from the process. */
  heard(): void {
    this.#quietLooks = 0;
    this.#ticks = undefined;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const { pid, work, onHung } = this.#options;
    const current = work();
    if (current === undefined) {
      this.heard();
      return;
    }
    const ticks = computingTicks(pid);
    if (ticks === undefined) return;
    if (this.#ticks === undefined || ticks - this.#ticks > IDLE_TICKS) {
      this.#ticks = ticks;
      this.#quietLooks = 0;
      return;
    }
    this.#quietLooks++;
    if (this.#quietLooks < MOST_QUIET_LOOKS[current]) return;
    this.stop();
    onHung((this.#quietLooks * this.#lookMs) / 1000);
  }
}
