import type { DrawingGroup } from "./drawing.ts";

/** A drawing on the server. */
export interface BegunJob extends DrawingGroup {
  /** Its id there. */
  readonly job: string;
}

/** Per tab: another one doesn't resume them. */
const KEY = "pixart-jobs";

/** Drawings that this tab started and that were not over when it was left or reloaded, oldest first. */
export const begunJobs = (): BegunJob[] => JSON.parse(sessionStorage.getItem(KEY) ?? "[]");

const store = (jobs: readonly BegunJob[]): void =>
  sessionStorage.setItem(KEY, JSON.stringify(jobs));

export const rememberJob = (job: BegunJob): void =>
  store([...begunJobs().filter(({ id }) => id !== job.id), job]);

export const forgetJob = (id: string): void => store(begunJobs().filter((job) => job.id !== id));
