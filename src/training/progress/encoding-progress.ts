import { formatDuration } from "./quantities.ts";

const EVERY_MS = 10_000;

/** Receives progress reports. */
export interface ProgressTold {
  /** Prints a progress line every ten seconds. */
  readonly say?: ((line: string) => void) | undefined;
  /** Called after each item with the activity, the number done and the total. */
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
}

/** Reports every ten seconds the progress, speed and remaining time of long work on many items. */
export class EncodingProgress {
  readonly #doing: string;
  readonly #total: number;
  readonly #told: ProgressTold;
  readonly #now: () => number;
  readonly #start: number;
  #done = 0;
  #toldAt: number;

  /**
   * @param doing the activity, such as "Encoding pictures"
   * @param total number of items
   * @param now   milliseconds on a monotonic clock
   */
  constructor(
    doing: string,
    total: number,
    told: ProgressTold,
    now: () => number = () => performance.now(),
  ) {
    this.#doing = doing;
    this.#total = total;
    this.#told = told;
    this.#now = now;
    this.#start = now();
    this.#toldAt = this.#start;
    if (total > 0) this.#note();
  }

  /** Reports that this many more items are done. */
  done(count: number): void {
    this.#done += count;
    this.#note();
    const now = this.#now();
    if (now - this.#toldAt < EVERY_MS && this.#done < this.#total) return;
    // Work that took little time is not reported.
    if (now - this.#start < EVERY_MS) return;
    this.#toldAt = now;
    const rate = (1000 * this.#done) / (now - this.#start);
    const left = this.#total - this.#done;
    this.#told.say?.(
      [
        `${this.#doing}: ${this.#done} of ${this.#total}`,
        `${Number(rate.toPrecision(3))}/s`,
        ...(left > 0 ? [`${formatDuration(left / rate)} left`] : []),
      ].join(", "),
    );
  }

  #note(): void {
    this.#told.onProgress?.(this.#doing.toLowerCase(), this.#done, this.#total);
  }
}
