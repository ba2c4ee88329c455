import { randomBytes } from "node:crypto";
import type { CheckState } from "../api-types.ts";

/** Jobs whose ends are remembered. */
const MOST_JOBS = 50;

/** Something that takes its time: a look at a data set, a published folder. */
export class StudioJob {
  readonly id: string = randomBytes(9).toString("base64url");
  /** The folder that is looked at, where one is. */
  readonly folder: string | undefined;
  state: CheckState = { state: "running", done: 0, total: null, message: null, report: null };

  constructor(folder?: string) {
    this.folder = folder;
  }

  /** Notes what changes. */
  note(change: Partial<CheckState>): void {
    this.state = { ...this.state, ...change };
  }
}

/** The jobs of a studio, by their ids; the oldest are forgotten. */
export class StudioJobs {
  readonly #jobs = new Map<string, StudioJob>();

  /**
   * Begins one.
   * @param work what ends it; where it throws, the job has failed for that reason
   */
  begin(work: (job: StudioJob) => Promise<void>, folder?: string): StudioJob {
    const job = new StudioJob(folder);
    this.#jobs.set(job.id, job);
    for (const id of [...this.#jobs.keys()].slice(0, -MOST_JOBS)) this.#jobs.delete(id);
    work(job).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      job.note({ state: "failed", message });
    });
    return job;
  }

  find(id: string): StudioJob | undefined {
    return this.#jobs.get(id);
  }

  /** Those that are not over. */
  get running(): number {
    return [...this.#jobs.values()].filter(({ state }) => state.state === "running").length;
  }
}
