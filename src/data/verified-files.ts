import { basename, join } from "node:path";
import { fileStamp } from "../files/reading/file-stamp.ts";
import { linesToBytes, readJsonLines } from "../files/reading/lines.ts";
import { replaceFile } from "../files/replace-file.ts";

/** Name of the record in the folder of the files. */
export const VERIFIED_FILE = "verified.jsonl";

/**
 * Which files of a folder were found to be whole, with their stamps at the time: a file with the same stamp need not be read
 * again. Whatever leaves the stamp as it is, such as decay on the disk, goes unnoticed.
 */
export class VerifiedFiles {
  readonly #path: string;
  readonly #stamps: Map<string, string>;
  readonly #begun: number = Date.now();
  #isChanged = false;

  private constructor(path: string, stamps: Map<string, string>) {
    this.#path = path;
    this.#stamps = stamps;
  }

  /** Reads the record of a folder; empty if it is missing or damaged: then every file is read. */
  static async recall(folder: string): Promise<VerifiedFiles> {
    const path = join(folder, VERIFIED_FILE);
    return new VerifiedFiles(path, await readStamps(path).catch(() => new Map()));
  }

  /**
   * Whether a file of the folder is whole, by its stamp or else by `check`. Throws what `check` throws, and the system's error if
   * the file is gone.
   */
  async isWhole(path: string, check: () => Promise<boolean>): Promise<boolean> {
    const name = basename(path);
    if (this.#stamps.get(name) === (await fileStamp(path)).stamp) return true;
    this.#stamps.delete(name);
    if (!(await check())) return false;
    // A file that changed meanwhile or just before is read again the next time.
    const { stamp, isSettledBy } = await fileStamp(path);
    if (isSettledBy(this.#begun)) {
      this.#stamps.set(name, stamp);
      this.#isChanged = true;
    }
    return true;
  }

  /** Saves the record, if it has grown, without the files that the folder no longer has. Throws FileWriteError. */
  async save(names: Iterable<string>): Promise<void> {
    if (!this.#isChanged) return;
    const lines = [...names].flatMap((name) => {
      const stamp = this.#stamps.get(name);
      return stamp === undefined ? [] : [JSON.stringify([name, stamp])];
    });
    await replaceFile(this.#path, linesToBytes(lines));
  }
}

async function readStamps(path: string): Promise<Map<string, string>> {
  const stamps = new Map<string, string>();
  for await (const line of readJsonLines(path)) {
    const [name, stamp] = line as [name: string, stamp: string];
    stamps.set(name, stamp);
  }
  return stamps;
}
