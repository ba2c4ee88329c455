import type { Job } from "./job.ts";

/** Pictures of jobs that are drawn together. */
export type Batch = readonly { readonly job: Job; readonly picture: number }[];

/** Waiting jobs, in one queue per client; clients take turns. */
export class FairLine {
  /** The first client's turn is next. */
  readonly #lines = new Map<string, Job[]>();

  /** Number of waiting pictures. */
  get pictures(): number {
    return this.jobs.reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /** In the order of their turns, as far as known. */
  get jobs(): Job[] {
    const lines = [...this.#lines.values()];
    const longest = Math.max(0, ...lines.map((line) => line.length));
    return Array.from({ length: longest }, (_, i) => lines.flatMap((line) => line[i] ?? [])).flat();
  }

  /** Number of a client's waiting pictures. */
  picturesOf(client: string): number {
    return (this.#lines.get(client) ?? []).reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  add(job: Job): void {
    this.#lines.set(job.client, [...(this.#lines.get(job.client) ?? []), job]);
  }

  /** Puts pictures that were taken back, before all others of their client. */
  giveBack(job: Job, pictures: readonly number[]): void {
    job.waiting.unshift(...pictures);
    const line = (this.#lines.get(job.client) ?? []).filter((other) => other !== job);
    this.#lines.set(job.client, [job, ...line]);
  }

  remove(job: Job): void {
    const line = (this.#lines.get(job.client) ?? []).filter((other) => other !== job);
    if (line.length === 0) this.#lines.delete(job.client);
    else this.#lines.set(job.client, line);
  }

  /** Number of pictures before a job's first one; undefined if it is not waiting. */
  before(job: Job): number | undefined {
    const { jobs } = this;
    const place = jobs.indexOf(job);
    if (place < 0) return undefined;
    return jobs.slice(0, place).reduce((sum, { waiting }) => sum + waiting.length, 0);
  }

  /**
   * The next pictures to draw together: those of the job whose turn it is, and matching ones among all waiting, up to `most`. No
   * picture waits for others to join.
   */
  take(most: (job: Job) => number, keyOf: (job: Job) => string): Batch {
    const { jobs } = this;
    const [first] = jobs;
    if (first === undefined) return [];
    const key = keyOf(first);
    const room = first.isAlone ? 1 : Math.max(1, most(first));
    const fitting = first.isAlone
      ? [first]
      : [first, ...jobs.slice(1).filter((job) => !job.isAlone && keyOf(job) === key)];
    const batch: { job: Job; picture: number }[] = [];
    for (const job of fitting) {
      for (const picture of job.waiting.splice(0, room - batch.length))
        batch.push({ job, picture });
      if (job.waiting.length === 0) this.remove(job);
      if (batch.length === room) break;
    }
    this.#nextTurn(first.client);
    return batch;
  }

  /** Moves a client whose turn it was to the end. */
  #nextTurn(client: string): void {
    const line = this.#lines.get(client);
    if (line === undefined) return;
    this.#lines.delete(client);
    this.#lines.set(client, line);
  }
}
