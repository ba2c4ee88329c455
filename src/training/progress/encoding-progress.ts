import { formatDuration } from "./quantities.ts";

const EVERY_MS = 10_000;

/** Who is told how long work goes. */
export interface ProgressTold {
  /** Lines for people, every ten seconds. */
  readonly say?: ((line: string) => void) | undefined;
  /** What is done, and how many of how many are done, at each. */
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
}

/** Tells every ten seconds how far long work on many things is, how fast, and how long it will take. */
export class EncodingProgress {
  readonly #doing: string;
  readonly #total: number;
  readonly #told: ProgressTold;
  readonly #now: () => number;
  readonly #start: number;
  #done = 0;
  #toldAt: number;

  /**
   * @param doing what is done with what, such as "Encoding pictures"
   * @param total how many there are
   * @param now   milliseconds on a clock that never goes back
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

  /** So many more are done. */
  done(count: number): void {
    this.#done += count;
    this.#note();
    const now = this.#now();
    if (now - this.#toldAt < EVERY_MS && this.#done < this.#total) return;
    // What took no time to speak of is not spoken of.
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
