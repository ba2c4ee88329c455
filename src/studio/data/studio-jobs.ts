import { randomBytes } from "node:crypto";
import { ApiError } from "../../server/http/api-error.ts";
import type { CheckState } from "../api-types.ts";

/** Maximum number of data set checks and publishing jobs at once: each is a process. */
const MOST_RUNNING = 3;
/** Number of jobs remembered after they ended. */
const MOST_ENDED = 50;

/** The folders of a job. */
export interface JobFolders {
  /** The folder being checked, if any. */
  readonly folder?: string;
  /** The folder being written, if any: two jobs must not write the same. */
  readonly output?: string;
}

/** Long-running work: a data set check, or publishing a folder. */
export class StudioJob {
  readonly id: string = randomBytes(9).toString("base64url");
  readonly folder: string | undefined;
  readonly output: string | undefined;
  state: CheckState = { state: "running", done: 0, total: null, message: null, report: null };

  constructor({ folder, output }: JobFolders) {
    this.folder = folder;
    this.output = output;
  }

  get isRunning(): boolean {
    return this.state.state === "running";
  }

  /** Applies a change of state. */
  note(change: Partial<CheckState>): void {
    this.state = { ...this.state, ...change };
  }
}

/** The jobs of a studio, by id; of those that ended, the oldest are dropped. */
export class StudioJobs {
  readonly #jobs = new Map<string, StudioJob>();

  /**
   * Starts a job. Throws an ApiError if too many are running, or if one writes the same folder.
   * @param work the job's work; if it throws, the job fails for that reason
   */
  begin(work: (job: StudioJob) => Promise<void>, folders: JobFolders): StudioJob {
    const all = [...this.#jobs.values()];
    const running = all.filter(({ isRunning }) => isRunning);
    const { output } = folders;
    if (output !== undefined && running.some((other) => other.output === output))
      throw new ApiError(
        409,
        "name_taken",
        "Expected a name that is not being published for name",
        {
          param: "name",
        },
      );
    if (running.length >= MOST_RUNNING)
      throw new ApiError(429, "too_many_jobs", "Too many jobs run at once", { retryAfter: 5 });
    const job = new StudioJob(folders);
    this.#jobs.set(job.id, job);
    const ended = all.filter(({ isRunning }) => !isRunning);
    for (const { id } of ended.slice(0, -MOST_ENDED)) this.#jobs.delete(id);
    work(job).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      job.note({ state: "failed", message });
    });
    return job;
  }

  find(id: string): StudioJob | undefined {
    return this.#jobs.get(id);
  }
}
