import { statSync } from "node:fs";
import { join } from "node:path";
import { GrowingFile } from "../../files/growing-file.ts";
import { visible } from "../../files/reading/visible-text.ts";
import { renamePathSync } from "../../files/rename.ts";
import { unlessItFails } from "../../files/unless-it-fails.ts";
import type { RunFolder } from "./run-folder.ts";

/** Lines that a run has printed. */
export const LOG_FILE = "log.txt";
/** Older lines: the log is rotated before it exceeds {@link LARGEST} bytes. */
const OLDER_LOG_FILE = "log.1.txt";
const LARGEST = 10e6;

/**
 * Prints lines for the user and keeps them, with their time, in the run folder. Lines printed before the folder exists are added
 * later. Lines that cannot be written, because the disk is full or another process took the folder over, are only printed.
 */
export class RunLog {
  readonly #say: (line: string) => void;
  readonly #largest: number;
  #waiting = "";
  #isKept = true;
  #run: RunFolder | undefined;

  constructor(say: (line: string) => void, largest: number = LARGEST) {
    this.#say = say;
    this.#largest = largest;
  }

  /** Prints a line and keeps it. */
  readonly say = (line: string): void => {
    this.#say(line);
    this.note(line);
  };

  /** Keeps a line that was printed elsewhere. */
  note(line: string): void {
    if (!this.#isKept) return;
    this.#waiting += `${new Date().toISOString()} ${visible(line)}\n`;
    if (this.#run !== undefined) this.#flush(this.#run);
  }

  /** Writes lines to a run's folder from now on; for the process that holds the run. */
  keepIn(run: RunFolder): void {
    this.#run = run;
    this.#flush(run);
  }

  /** Only prints from now on, and drops what waited; for a process of a run that another one holds. */
  keepNowhere(): void {
    this.#isKept = false;
    this.#waiting = "";
  }

  #flush(run: RunFolder): void {
    const text = Buffer.from(this.#waiting);
    this.#waiting = "";
    const folder = run.place();
    if (folder === undefined || text.length === 0) return;
    unlessItFails(() => {
      const path = join(folder, LOG_FILE);
      const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
      if (size > 0 && size + text.length > this.#largest)
        renamePathSync(path, join(folder, OLDER_LOG_FILE));
      using file = GrowingFile.open(path);
      file.append(text);
    });
  }
}
