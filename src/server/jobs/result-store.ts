/** How long results are kept, and how much of them. */
export interface ResultLimits {
  readonly milliseconds: number;
  readonly bytes: number;
}

const RESULT_LIMITS: ResultLimits = { milliseconds: 3_600_000, bytes: 256 * 2 ** 20 };
/** Those limits in words. */
export const KEPT = "an hour at most, and no more than 256 MB of them";

interface Kept<T> {
  readonly value: T;
  readonly bytes: number;
  /** In milliseconds of `performance.now()`, which no change of the clock affects. */
  readonly until: number;
}

/** Keeps results for a while; the oldest is dropped when time or space runs out. */
export class ResultStore<T> {
  readonly #limits: ResultLimits;
  readonly #kept = new Map<string, Kept<T>>();
  #bytes = 0;

  constructor(limits: ResultLimits = RESULT_LIMITS) {
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Stores a value of `bytes` bytes. */
  set(key: string, value: T, bytes: number): void {
    this.delete(key);
    this.#kept.set(key, { value, bytes, until: performance.now() + this.#limits.milliseconds });
    this.#bytes += bytes;
    for (const [oldest, { until }] of this.#kept) {
      if (this.#bytes <= this.#limits.bytes && until > performance.now()) break;
      this.delete(oldest);
    }
  }

  get(key: string): T | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.until > performance.now()) return kept?.value;
    this.delete(key);
    return undefined;
  }

  delete(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }
}
