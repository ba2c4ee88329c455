import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { here } from "../processes.ts";

/** A run that is to be done. */
export interface Wanted {
  readonly design: string;
  readonly seed: number;
}

const stops = ["SIGINT", "SIGTERM"] as const;

/** Does runs in processes of their own, so many at a time, in order; what they say goes to `FOLDER/logs`. */
export class Children {
  readonly #folder: string;
  readonly #threads: number;
  readonly #running = new Set<ChildProcess>();
  #isStopped = false;

  constructor(folder: string, threads: number) {
    this.#folder = folder;
    this.#threads = threads;
  }

  /** Resolves to the runs that failed or were stopped. A signal stops all, so that they can go on later. */
  async run(wanted: readonly Wanted[], jobs: number): Promise<Wanted[]> {
    const stop = (signal: NodeJS.Signals): void => {
      this.#isStopped = true;
      for (const child of this.#running) child.kill(signal);
    };
    for (const signal of stops) process.on(signal, stop);
    const left = [...wanted];
    const failed: Wanted[] = [];
    const work = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift())
        if (this.#isStopped || !(await this.#one(next))) failed.push(next);
    };
    await Promise.all(Array.from({ length: jobs }, work));
    for (const signal of stops) process.off(signal, stop);
    return failed;
  }

  async #one({ design, seed }: Wanted): Promise<boolean> {
    const logs = join(this.#folder, "logs");
    mkdirSync(logs, { recursive: true });
    const log = openSync(join(logs, `${design}-${seed}.log`), "a");
    const args = ["--import", "tsx", here("lab/run.ts"), this.#folder, design, `${seed}`];
    const begin = performance.now();
    process.stderr.write(`${design}, seed ${seed}\n`);
    const child = spawn(process.execPath, args, {
      env: { ...process.env, OMP_NUM_THREADS: `${this.#threads}` },
      stdio: ["ignore", log, log],
      detached: true, // a terminal's Ctrl+C would reach it beside the one that is passed on, and a second ends it at once
    });
    closeSync(log);
    this.#running.add(child);
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    const [code] = await once(child, "close");
    this.#running.delete(child);
    const seconds = ((performance.now() - begin) / 1000).toFixed(0);
    process.stderr.write(
      `${design}, seed ${seed}: ${code === 0 ? "done" : `ended with ${code}`} after ${seconds} s\n`,
    );
    return code === 0;
  }
}
