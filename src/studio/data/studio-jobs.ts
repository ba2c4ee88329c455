import { randomBytes } from "node:crypto";
import type { CheckState } from "../api-types.ts";

/** Number of jobs remembered after they ended. */
const MOST_JOBS = 50;

/** Long-running work: a data set check, or publishing a folder. */
export class StudioJob {
  readonly id: string = randomBytes(9).toString("base64url");
  /** The folder being checked, if any. */
  readonly folder: string | undefined;
  state: CheckState = { state: "running", done: 0, total: null, message: null, report: null };

  constructor(folder?: string) {
    this.folder = folder;
  }

  /** Applies a change of state. */
  note(change: Partial<CheckState>): void {
    this.state = { ...this.state, ...change };
  }
}

/** The jobs of a studio, by id; the oldest are dropped. */
export class StudioJobs {
  readonly #jobs = new Map<string, StudioJob>();

  /**
   * Starts a job.
   * @param work the job's work; if it throws, the job fails for that reason
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

  /** Number of jobs that are not over. */
  get running(): number {
    return [...this.#jobs.values()].filter(({ state }) => state.state === "running").length;
  }
}
