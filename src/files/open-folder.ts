import { type BigIntStats, closeSync, fstatSync, openSync, readlinkSync, statSync } from "node:fs";

/** A folder that is kept open, so that it is identified by itself and not only by its name. */
export class OpenFolder implements Disposable {
  readonly path: string;
  readonly #file: number;

  /** Throws if the folder does not exist. */
  constructor(path: string) {
    this.path = path;
    this.#file = openSync(path, "r");
  }

  /** Whether its path still leads to it. */
  isInPlace(): boolean {
    return this.#isAt(this.path);
  }

  /** Its current path; undefined if it was removed, or the system does not report it. */
  place(): string | undefined {
    if (this.isInPlace()) return this.path;
    try {
      const place = readlinkSync(`/proc/self/fd/${this.#file}`);
      return this.#isAt(place) ? place : undefined;
    } catch {
      return undefined;
    }
  }

  #isAt(path: string): boolean {
    let found: BigIntStats | undefined;
    try {
      found = statSync(path, { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOTDIR") throw error; // one of its parents was replaced by a file
    }
    if (found === undefined) return false;
    const { dev, ino } = fstatSync(this.#file, { bigint: true });
    return found.dev === dev && found.ino === ino;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}
