import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync } from "node:fs";
import { unlessItFails } from "./unless-it-fails.ts";
import { writeAllSync } from "./write-all.ts";
import { writeBytes, writingSync } from "./write-error.ts";

/**
 * A file that grows by whole records: each is written completely or not at all, even if the disk is full. If another process has
 * appended in the meantime, its records stay.
 */
export class GrowingFile implements Disposable {
  readonly #path: string;
  readonly #file: number;
  readonly #advice: string | undefined;

  private constructor(path: string, flags: "a" | "ax", advice: string | undefined) {
    this.#path = path;
    this.#advice = advice;
    this.#file = writingSync({ path, aim: "append to this file" }, () => openSync(path, flags));
  }

  /**
   * Opens a file, or creates an empty one.
   * @param whenFull what to do about a full disk, for the message
   */
  static open(path: string, whenFull?: string): GrowingFile {
    return new GrowingFile(path, "a", whenFull);
  }

  /** Creates a file. Throws FileWriteError if the name exists. */
  static create(path: string): GrowingFile {
    return new GrowingFile(path, "ax", undefined);
  }

  /** Adds a record. From then on it survives the end of the process, and after {@link sync} a power failure. */
  append(record: Uint8Array): void {
    this.#writing(record.length, () => {
      const { size } = fstatSync(this.#file);
      try {
        writeAllSync(this.#file, record);
      } catch (error) {
        // A partial record would corrupt the next one; why it could not be written matters more.
        unlessItFails(() => ftruncateSync(this.#file, size));
        throw error;
      }
    });
  }

  /** Truncates the file to `size` bytes. */
  cut(size: number): void {
    writingSync({ path: this.#path, aim: "cut this file" }, () => ftruncateSync(this.#file, size));
  }

  /** Returns when everything added is on disk. */
  sync(): void {
    this.#writing(0, () => fsyncSync(this.#file));
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }

  #writing(bytes: number, action: () => void): void {
    const aim = bytes === 0 ? "flush what was written to the disk" : writeBytes(bytes);
    const attempt = { path: this.#path, aim, neededBytes: bytes };
    writingSync(
      this.#advice === undefined ? attempt : { ...attempt, whenFull: this.#advice },
      action,
    );
  }
}
