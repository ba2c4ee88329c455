import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync } from "node:fs";
import { currentCommit } from "./results.ts";

/** Results that are kept one by one, so that a job that was cut off goes on where it stopped; those of another commit don't count. */
export class Journal<T> {
  readonly entries: readonly T[];
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    const commit = currentCommit();
    const bytes = existsSync(path) ? readFileSync(path) : Buffer.of();
    const whole = bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
    // The last line of a job that was ended while it wrote.
    if (whole.length < bytes.length) truncateSync(path, whole.length);
    const lines = whole.toString().split("\n").slice(0, -1);
    const [first, ...rest] = lines.map((line) => JSON.parse(line) as unknown);
    const isCurrent = (first as { commit?: string } | undefined)?.commit === commit;
    if (!isCurrent) {
      if (existsSync(path)) renameSync(path, `${path}.earlier`);
      appendFileSync(path, `${JSON.stringify({ commit })}\n`);
    }
    this.entries = isCurrent ? (rest as T[]) : [];
  }

  append(entry: T): void {
    appendFileSync(this.#path, `${JSON.stringify(entry)}\n`);
  }
}
