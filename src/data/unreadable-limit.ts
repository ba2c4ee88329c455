import type { Unreadable } from "./dataset.ts";
import { UnreadablePicturesError } from "./load-pictures.ts";

/** What an {@link UnreadableLimit} counts. */
export interface UnreadableLimitOptions {
  /** Fraction of the pictures that may be unreadable. */
  readonly share: number;
  /** Number of pictures that are going to be read. */
  readonly pictures: number;
  /** Pictures found to be unreadable before: they count too. Default none. */
  readonly known?: readonly Unreadable[];
}

/** Counts unreadable pictures over several lists, and refuses too many. */
export class UnreadableLimit {
  readonly #share: number;
  readonly #total: number;
  readonly #found: Unreadable[];

  constructor({ share, pictures, known = [] }: UnreadableLimitOptions) {
    this.#share = share;
    this.#total = pictures + known.length;
    this.#found = [...known];
  }

  /** Whether no more than allowed are unreadable so far. */
  get isKept(): boolean {
    return this.#found.length <= this.#share * this.#total;
  }

  /** Counts further unreadable pictures. Throws UnreadablePicturesError, which lists all, if there are too many now. */
  add(unreadable: readonly Unreadable[]): void {
    this.#found.push(...unreadable);
    if (!this.isKept) throw new UnreadablePicturesError([...this.#found], this.#total, this.#share);
  }
}
