import { fork } from "node:child_process";
import { extname } from "node:path";
import type { DatasetEntry } from "../../data/dataset.ts";
import { DatasetError, WorkerEndedError } from "../../errors/index.ts";
import { loaderOf } from "../../files/processes/module-arguments.ts";
import type { CheckMessage, CheckOrder } from "./check-messages.ts";
import type { DataRoots } from "./data-roots.ts";
import { picturesByKey } from "./pictures-by-key.ts";
import type { StudioJob, StudioJobs } from "./studio-jobs.ts";

const SCRIPT = new URL(`./check-process${extname(import.meta.url)}`, import.meta.url);

/** What a data set is checked for. */
type CheckedFor = Pick<CheckOrder, "base" | "size" | "tokenizer">;

/** Checks data sets in separate processes, which follow no link out of the data roots. */
export class DataChecks {
  readonly #jobs: StudioJobs;
  readonly #roots: DataRoots;
  /** Pictures by job, loaded on first request. */
  readonly #entries = new Map<StudioJob, Promise<ReadonlyMap<string, DatasetEntry>>>();

  constructor(jobs: StudioJobs, roots: DataRoots) {
    this.#jobs = jobs;
    this.#roots = roots;
  }

  /** Starts checking a folder for a base. Throws an ApiError if too many jobs are running. */
  begin(folder: string, { base, size, tokenizer }: CheckedFor): StudioJob {
    return this.#jobs.begin(
      async (job) => {
        const within = await this.#roots.all();
        await look(job, { folder, within, base, size, tokenizer, job: job.id });
      },
      { folder },
    );
  }

  /** The bytes of a picture of a checked data set; undefined if unavailable. */
  async read(job: StudioJob, key: string): Promise<Uint8Array | undefined> {
    const { folder } = job;
    if (folder === undefined) return undefined;
    const known = this.#entries.get(job) ?? entriesIn(folder, this.#roots);
    this.#entries.set(job, known);
    for (const old of this.#entries.keys())
      if (this.#jobs.find(old.id) === undefined) this.#entries.delete(old);
    try {
      return await (await known).get(key)?.read();
    } catch {
      await known.catch(() => this.#entries.delete(job)); // a list that failed is made again
      return undefined;
    }
  }
}

async function entriesIn(
  folder: string,
  roots: DataRoots,
): Promise<ReadonlyMap<string, DatasetEntry>> {
  const within = await roots.all();
  return picturesByKey(folder, { within, acceptUncaptioned: true });
}

function look(job: StudioJob, order: CheckOrder): Promise<void> {
  const child = fork(SCRIPT, [], {
    execArgv: loaderOf(SCRIPT),
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  child.send(order);
  // A check that still runs does not keep the server from ending, with which it ends too.
  child.unref();
  child.channel?.unref();
  return new Promise((resolve, reject) => {
    child.on("message", (message: CheckMessage) => {
      if (message.type === "progress") job.note({ done: message.done, total: message.total });
      else if (message.type === "done") job.note({ state: "done", report: message.report });
      else reject(new DatasetError(message.message));
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (job.state.state === "running")
        reject(
          new WorkerEndedError(
            `The process that looked at the pictures has ended (${signal ?? code})`,
          ),
        );
      resolve();
    });
  });
}
