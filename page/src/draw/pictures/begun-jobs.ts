import type { DrawingGroup } from "./drawing.ts";

/** A drawing at the server. */
export interface BegunJob extends DrawingGroup {
  /** Its id there. */
  readonly job: string;
}

/** Of this tab: another one doesn't take them over. */
const KEY = "pixart-jobs";

/** What this tab began and was not over when it was left or loaded anew, oldest first. */
export const begunJobs = (): BegunJob[] => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

const store = (jobs: readonly BegunJob[]): void =>
  sessionStorage.setItem(KEY, JSON.stringify(jobs));

export const rememberJob = (job: BegunJob): void =>
  store([...begunJobs().filter(({ id }) => id !== job.id), job]);

export const forgetJob = (id: string): void => store(begunJobs().filter((job) => job.id !== id));
