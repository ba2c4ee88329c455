import { InternalError } from "../../errors/index.ts";
import type { DrawnPicture, DrawOrder } from "../engine/engine-messages.ts";
import {
  EngineFailureError,
  EngineLostError,
  type EngineProcess,
} from "../engine/engine-process.ts";
import { ApiError, badValue } from "../http/api-error.ts";
import { encodePicture } from "../pictures/encode-picture.ts";
import { batchKey } from "./batch-key.ts";
import { type Batch, FairLine } from "./fair-line.ts";
import type { Job } from "./job.ts";
import { jobError } from "./job-error.ts";
import { previewSteps } from "./preview-steps.ts";

/** Attempts at a picture before its job fails. */
const MOST_TRIES = 2;
/** Share of the queue that one client may take if several keys exist. */
const LARGEST_SHARE = 0.5;

/** Weight of the newest order in the estimate for the next. */
const NEWEST_SHARE = 0.3;

/** Options of a dispatcher, and its callbacks. */
export interface DispatcherOptions {
  readonly engines: readonly EngineProcess[];
  /** Most pictures that may be waiting or being drawn. */
  readonly maxQueue: number;
  /** Whether clients have separate keys, so that no client may fill the queue alone. */
  readonly hasShares: boolean;
  readonly onDrawn?: (drawn: {
    readonly pictures: number;
    readonly seconds: number;
    readonly steps: number;
  }) => void;
  readonly onFailed?: (error: unknown, pictures: number) => void;
}

/** Pictures that an engine draws together. */
interface Order {
  readonly id: number;
  readonly engine: EngineProcess;
  readonly batch: Batch;
}

/** Assigns jobs to engines: a bounded queue of pictures, fair between clients, in batches of those that are waiting. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #line = new FairLine();
  /** What the engines are drawing, or were sent ahead. */
  readonly #running = new Set<Order>();
  #lastOrder = 0;
  /** Recent seconds per step for one picture, by model. */
  readonly #pace = new Map<string, number>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Number of pictures that are waiting or being drawn. */
  get pictures(): number {
    return this.#line.pictures + this.#drawn.length;
  }

  /** The pictures that are being drawn. */
  get #drawn(): Batch {
    return [...this.#running].flatMap(({ batch }) => batch);
  }

  get waiting(): number {
    return this.#line.pictures;
  }

  /** Throws an ApiError if there is no room for `count` more pictures: for now, or ever. */
  requireRoom(client: string, count: number): void {
    const { maxQueue, hasShares } = this.#options;
    const own =
      this.#line.picturesOf(client) + this.#drawn.filter(({ job }) => job.client === client).length;
    const share = hasShares ? Math.ceil(maxQueue * LARGEST_SHARE) : maxQueue;
    if (count > share)
      throw badValue(`at most ${share}, a caller's share of the queue,`, "n", count);
    if (this.pictures + count <= maxQueue && own + count <= share) return;
    const room = Math.max(0, Math.min(maxQueue - this.pictures, share - own));
    throw new ApiError(
      429,
      "queue_full",
      `The queue of ${maxQueue} has room for ${room} more of your pictures now, but ${count} were requested; try again later`,
      { retryAfter: Math.min(60, Math.max(1, this.#secondsOf(this.#line.jobs))) },
    );
  }

  /** Adds a job, after {@link requireRoom}. */
  add(job: Job): void {
    this.#line.add(job);
    this.pump();
    if (job.status === "queued") job.moved(this.#line.before(job) ?? 0);
  }

  /** Removes a job wherever it is. An order with no other job's pictures ends before its next step. */
  cancel(job: Job): void {
    if (job.isOver) return;
    this.#line.remove(job);
    job.cancel();
    this.#stopIdle();
    this.#tellPositions();
  }

  /** Number of pictures before a job's first one; undefined once it is being drawn. */
  position(job: Job): number | undefined {
    return this.#line.before(job);
  }

  /** Estimated seconds until a job is done, from the models' recent speed. */
  estimate(job: Job): number {
    const { jobs } = this.#line;
    const place = jobs.indexOf(job);
    const before = place < 0 ? [] : jobs.slice(0, place);
    return this.#secondsOf([...before, job]);
  }

  /** Fails all jobs that are waiting or being drawn. */
  failAll(error: ApiError): void {
    for (const job of [...this.#line.jobs, ...this.#drawn.map(({ job }) => job)]) {
      this.#line.remove(job);
      job.fail(error);
    }
  }

  /** Gives the engines that can accept them their next pictures: idle ones first. */
  pump(): void {
    const engines = [...this.#options.engines].sort((a, b) => Number(b.isIdle) - Number(a.isIdle));
    for (const engine of engines) {
      if (!engine.canAccept) continue;
      const batch = this.#line.take(({ request }) => engine.batchOf(request.model), batchKey);
      if (batch.length === 0) break;
      void this.#draw({ id: ++this.#lastOrder, engine, batch });
    }
    this.#tellPositions();
  }

  async #draw(order: Order): Promise<void> {
    const { id, engine, batch } = order;
    this.#running.add(order);
    const jobs = new Set(batch.map(({ job }) => job));
    for (const job of jobs) {
      job.start();
      const others = batch.filter((one) => one.job !== job).length;
      job.company = Math.max(job.company, others);
    }
    try {
      const { pictures, seconds } = await engine.draw(orderOf(id, batch), (progress) => {
        for (const job of jobs) job.progress(progress.step, progress.total);
        for (const { picture, image } of progress.previews) {
          const row = batch[picture];
          row?.job.preview(row.picture, image, progress.step, progress.total);
        }
        if (progress.step === progress.total) this.pump();
      });
      this.#running.delete(order);
      for (const job of jobs) job.seconds += seconds;
      this.#learn(batch, seconds);
      for (const [i, { job, picture }] of batch.entries()) {
        const drawn = pictures[i];
        if (drawn !== undefined && !job.isOver) void this.#finish(job, picture, drawn);
      }
    } catch (error) {
      this.#running.delete(order);
      if (error instanceof EngineLostError && !error.hasBegun)
        for (const job of jobs) this.#giveBack(batch, job);
      else this.#retry(batch, jobs, error);
    }
    this.pump();
  }

  /** Records what was drawn, and how long it took. */
  #learn(batch: Batch, seconds: number): void {
    const { request } = batch[0]?.job ?? {};
    if (request === undefined) return;
    const { model, settings } = request;
    this.#options.onDrawn?.({ pictures: batch.length, seconds, steps: settings.steps });
    const before = this.#pace.get(model.name) ?? model.stepSeconds;
    const now = seconds / settings.steps / batch.length;
    this.#pace.set(model.name, before + NEWEST_SHARE * (now - before));
  }

  /** Encodes a drawn picture and adds it to its job. */
  async #finish(job: Job, picture: number, drawn: DrawnPicture): Promise<void> {
    const { format, compression, size, seed } = job.request;
    try {
      const options = { format, quality: compression, size };
      const bytes = await encodePicture(drawn, drawn.metadata, options);
      const { tokens, warnings } = drawn;
      job.finish(picture, { bytes, seed: seed + picture, tokens, warnings });
    } catch (error) {
      this.#options.onFailed?.(error, 1);
      this.#line.remove(job);
      job.fail(jobError(error));
      this.#stopIdle();
      this.pump();
    }
  }

  /** Puts failed pictures back into the queue, each job by itself, or fails their jobs. */
  #retry(batch: Batch, jobs: ReadonlySet<Job>, error: unknown): void {
    const failure = error instanceof EngineFailureError ? error.failure : undefined;
    if (failure?.code !== "aborted") this.#options.onFailed?.(error, batch.length);
    for (const job of jobs) {
      if (job.isOver) continue;
      const tries = picturesOf(batch, job).map((picture) => {
        const tried = (job.tries[picture] ?? 0) + 1;
        job.tries[picture] = tried;
        return tried;
      });
      const isHopeless =
        Math.max(...tries) >= MOST_TRIES || (jobs.size === 1 && failure?.code === "invalid_value");
      if (isHopeless) {
        this.#line.remove(job);
        job.fail(jobError(error));
        continue;
      }
      job.isAlone = true;
      this.#giveBack(batch, job);
    }
    this.#stopIdle();
  }

  /** Puts a job's pictures of an order back into the queue. */
  #giveBack(batch: Batch, job: Job): void {
    if (job.isOver) return;
    this.#line.giveBack(job, picturesOf(batch, job));
  }

  #stopIdle(): void {
    for (const { engine, id, batch } of this.#running) {
      if (batch.every(({ job }) => job.isOver)) engine.abort(id);
    }
  }

  #tellPositions(): void {
    let before = 0;
    for (const job of this.#line.jobs) {
      job.moved(before);
      before += job.waiting.length;
    }
  }

  /** Seconds for jobs on all engines together; the current orders count half. */
  #secondsOf(jobs: readonly Job[]): number {
    const secondsOf = ({ request }: Job, pictures: number): number =>
      pictures *
      request.settings.steps *
      (this.#pace.get(request.model.name) ?? request.model.stepSeconds);
    const running = this.#drawn.reduce((sum, { job }) => sum + secondsOf(job, 0.5), 0);
    const waiting = jobs.reduce((sum, job) => sum + secondsOf(job, job.waiting.length), running);
    return waiting / Math.max(1, this.#options.engines.length);
  }
}

/** A job's own pictures among those that are drawn together. */
const picturesOf = (batch: Batch, own: Job): number[] =>
  batch.flatMap(({ job, picture }) => (job === own ? picture : []));

function orderOf(id: number, batch: Batch): DrawOrder {
  const [first] = batch;
  if (first === undefined)
    throw new InternalError("Expected pictures for an order but received none");
  const { model, settings, images } = first.job.request;
  return {
    id,
    model: model.name,
    settings,
    images,
    pictures: batch.map(({ job, picture }) => ({
      prompt: job.request.prompt,
      negativePrompt: job.request.negativePrompt,
      seed: job.request.seed + picture,
      previewSteps: previewSteps(job.request.partialImages, settings.steps),
    })),
  };
}
