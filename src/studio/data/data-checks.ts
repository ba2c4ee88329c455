import { fork } from "node:child_process";
import { extname } from "node:path";
import type { DatasetEntry } from "../../data/dataset.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { DatasetError, WorkerEndedError } from "../../errors/index.ts";
import { loaderOf } from "../../files/processes/module-arguments.ts";
import { ApiError } from "../../server/http/api-error.ts";
import { pictureKey } from "../runs/addresses.ts";
import type { CheckMessage } from "./check-messages.ts";
import type { StudioJob, StudioJobs } from "./studio-jobs.ts";

const SCRIPT = new URL(`./check-process${extname(import.meta.url)}`, import.meta.url);
/** Maximum number of data set checks and publishing jobs at once. */
const MOST_RUNNING = 3;

/** Checks data sets in separate processes. */
export class DataChecks {
  readonly #jobs: StudioJobs;
  /** Pictures by job, loaded on first request. */
  readonly #entries = new Map<StudioJob, Promise<ReadonlyMap<string, DatasetEntry>>>();

  constructor(jobs: StudioJobs) {
    this.#jobs = jobs;
  }

  /** Starts checking a folder. Throws an ApiError if too many jobs are running. */
  begin(folder: string, size: number, tokenizer: string | undefined): StudioJob {
    if (this.#jobs.running >= MOST_RUNNING)
      throw new ApiError(429, "too_many_jobs", "Too many jobs run at once", { retryAfter: 5 });
    return this.#jobs.begin((job) => look(job, { folder, size, tokenizer }), folder);
  }

  /** The bytes of a picture of a checked data set; undefined if unavailable. */
  async read(job: StudioJob, key: string): Promise<Uint8Array | undefined> {
    const { folder } = job;
    if (folder === undefined) return undefined;
    const known = this.#entries.get(job) ?? entriesIn(folder);
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

async function entriesIn(folder: string): Promise<ReadonlyMap<string, DatasetEntry>> {
  const { entries } = await readDataset(folder, { acceptUncaptioned: true });
  return new Map(entries.map((entry) => [pictureKey(entry.file), entry]));
}

function look(
  job: StudioJob,
  order: {
    readonly folder: string;
    readonly size: number;
    readonly tokenizer: string | undefined;
  },
): Promise<void> {
  const child = fork(SCRIPT, [], {
    execArgv: loaderOf(SCRIPT),
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  child.send({ ...order, job: job.id });
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
