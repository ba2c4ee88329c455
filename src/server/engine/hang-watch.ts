import { computingTicks, TICK_MS } from "../../files/processes/process-stat.ts";

/** Interval between two looks at the process. */
const LOOK_MS = 5000;
/**
 * Looks in a row without a sign of life after which it counts as hung: a minute while it draws. Loading waits for disks, and for the
 * Hub, which may be silent for a minute before that is an error: five minutes.
 */
const MOST_QUIET_LOOKS = { drawing: 12, loading: 60 };
/** Computing time since the last sign of life that a process of Node.js takes although it waits. */
const IDLE_TICKS = 50 / TICK_MS;

/** What a watch looks at, and what it does. */
export interface HangWatchOptions {
  readonly pid: number;
  /** What the process should be doing; undefined if nothing. */
  readonly work: () => keyof typeof MOST_QUIET_LOOKS | undefined;
  readonly onHung: (seconds: number) => void;
  /** Default 5000. */
  readonly lookMs?: number | undefined;
}

/**
 * Notices a process that has work and neither computes nor reports: one that was stopped, or whose threads block each other. One
 * that computes may take as long as it likes. Looks are counted, not time, so a machine that slept is no hung process. Does nothing
 * where the system reports no computing time.
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
    const ticks = current && computingTicks(pid);
    if (current === undefined || !ticks) {
      this.heard();
      return;
    }
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
