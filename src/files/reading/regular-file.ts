import { closeSync, fstatSync, readSync } from "node:fs";
import { InvalidStateError } from "../../errors/index.ts";
import { BadFileError } from "./errors.ts";
import { refuseStandIn, SHOWING_BYTES } from "./stand-in.ts";
import { withPath } from "./system-error.ts";
import { openRegularSync } from "./whole-file.ts";

// readSync takes at most 2^31-1 bytes a call.
const LARGEST_READ = 2 ** 30;

const CUT_MEANWHILE = "the file was truncated while it was being read";

/** An open file with random access. Needs no engine. */
export class RegularFile {
  readonly path: string;
  readonly size: number;
  #descriptor: number | undefined;

  /**
   * Throws BadFileError if `path` is not a regular file, or is what a failed download leaves; `expected` says what it should have
   * been.
   */
  constructor(path: string, expected: string) {
    this.path = path;
    const opened = openRegularSync(path, { expected, atMost: Number.POSITIVE_INFINITY });
    this.#descriptor = opened.file;
    this.size = opened.size;
    try {
      refuseStandIn(path, expected, this.read(0, Math.min(this.size, SHOWING_BYTES)));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A copy of `length` bytes from `offset`. Throws BadFileError if the file has no such bytes. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const file = this.#open();
    // Nothing is allocated before the size has been compared with the file's.
    if (!Number.isSafeInteger(offset + length) || offset < 0 || offset + length > this.size) {
      throw this.#short(offset, length, `a file of ${this.size}`, "the file was cut short");
    }
    const bytes = new Uint8Array(length);
    let position = 0;
    while (position < length) {
      const wanted = Math.min(LARGEST_READ, length - position);
      const count = withPath(this.path, () =>
        readSync(file, bytes, position, wanted, offset + position),
      );
      if (count === 0) throw this.#short(offset, length, `${position}`, CUT_MEANWHILE);
      position += count;
    }
    return bytes;
  }

  /**
   * The open file, for mapping it, after checking that it still has `length` bytes from `offset`. Throws BadFileError if it was
   * truncated in the meantime.
   */
  descriptorFor(offset: number, length: number): number {
    const file = this.#open();
    const left = Math.max(0, fstatSync(file).size - offset);
    if (left < length) throw this.#short(offset, length, `${left}`, CUT_MEANWHILE);
    return file;
  }

  #open(): number {
    if (this.#descriptor === undefined) {
      throw new InvalidStateError(
        `Expected an open file for ${this.path} but close() was called before`,
      );
    }
    return this.#descriptor;
  }

  #short(offset: number, length: number, found: string, advice: string): BadFileError {
    return new BadFileError(
      this.path,
      "data",
      `${length} bytes at offset ${offset}`,
      found,
      advice,
    );
  }

  /** Closes the file. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
