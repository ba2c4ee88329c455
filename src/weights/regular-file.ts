import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { BadFileError } from "./errors.ts";

// readSync takes at most 2^31-1 bytes a call.
const LARGEST_READ = 2 ** 30;

/** An open file that is read at places of the caller's choice. Needs no engine. */
export class RegularFile {
  readonly path: string;
  readonly size: number;
  #descriptor: number | undefined;

  /** Throws BadFileError where `path` is no regular file; `expected` says what it should have been. */
  constructor(path: string, expected: string) {
    // Asked before opening: opening a pipe would wait for a writer.
    const found = statSync(path, { throwIfNoEntry: false });
    if (!found?.isFile()) {
      const kind = found?.isDirectory() ? "a folder" : "a device, pipe or socket";
      throw new BadFileError(path, "file", expected, found ? kind : "nothing of that name");
    }
    this.path = path;
    this.#descriptor = openSync(path, "r");
    this.size = fstatSync(this.#descriptor).size;
  }

  /** A copy of `length` bytes from `offset`. Throws BadFileError where the file has no such bytes. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#descriptor === undefined) {
      throw new Error(`Expected an open file for ${this.path} but close() was called before`);
    }
    // Nothing is allocated before the size has been compared with the file's.
    if (!Number.isSafeInteger(offset + length) || offset < 0 || offset + length > this.size) {
      throw this.#short(offset, length, `a file of ${this.size}`);
    }
    const bytes = new Uint8Array(length);
    let position = 0;
    while (position < length) {
      const wanted = Math.min(LARGEST_READ, length - position);
      const count = readSync(this.#descriptor, bytes, position, wanted, offset + position);
      if (count === 0) throw this.#short(offset, length, `${position}`);
      position += count;
    }
    return bytes;
  }

  #short(offset: number, length: number, found: string): BadFileError {
    const expected = `${length} bytes at offset ${offset}`;
    return new BadFileError(this.path, "data", expected, found, "the file was cut short");
  }

  /** Gives the file back. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
