import { formatDuration } from "./quantities.ts";

const EVERY_MS = 10_000;

/** Tells every ten seconds how far long work on many things is, how fast, and how long it will take. */
export class EncodingProgress {
  readonly #doing: string;
  readonly #total: number;
  readonly #say: ((line: string) => void) | undefined;
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
    say: ((line: string) => void) | undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#doing = doing;
    this.#total = total;
    this.#say = say;
    this.#now = now;
    this.#start = now();
    this.#toldAt = this.#start;
  }

  /** So many more are done. */
  done(count: number): void {
    this.#done += count;
    const now = this.#now();
    if (now - this.#toldAt < EVERY_MS && this.#done < this.#total) return;
    // What took no time to speak of is not spoken of.
    if (now - this.#start < EVERY_MS) return;
    this.#toldAt = now;
    const rate = (1000 * this.#done) / (now - this.#start);
    const left = this.#total - this.#done;
    this.#say?.(
      [
        `${this.#doing}: ${this.#done} of ${this.#total}`,
        `${Number(rate.toPrecision(3))}/s`,
        ...(left > 0 ? [`${formatDuration(left / rate)} left`] : []),
      ].join(", "),
    );
  }
}
