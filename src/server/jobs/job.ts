import { randomUUID } from "node:crypto";
import type { RawPicture } from "../engine/engine-messages.ts";
import type { ApiError } from "../http/api-error.ts";
import type { DrawRequest } from "../requests/draw-request.ts";

/** A picture that is ready to send. */
export interface FinishedPicture {
  readonly bytes: Uint8Array;
  readonly seed: number;
  readonly tokens: number;
  readonly warnings: readonly string[];
}

export type JobStatus = "queued" | "running" | "completed" | "failed" | "cancelled";

/** An event of a job. */
export type JobEvent =
  | { readonly type: "queued"; readonly position: number }
  | { readonly type: "progress"; readonly step: number; readonly total: number }
  | {
      readonly type: "preview";
      readonly picture: number;
      /** The picture's own index, counted from 0. */
      readonly index: number;
      readonly image: RawPicture;
      readonly step: number;
      readonly total: number;
    }
  | { readonly type: "picture"; readonly picture: number }
  | { readonly type: "completed" }
  | { readonly type: "failed"; readonly error: ApiError }
  | { readonly type: "cancelled" };

/** One request in progress. The dispatcher advances it; others listen. */
export class Job {
  readonly id: string = `job_${randomUUID().replaceAll("-", "")}`;
  /** The client, by which shares of the queue are counted. */
  readonly client: string;
  #request: DrawRequest;
  /** Unix time in milliseconds. */
  readonly created: number = Date.now();
  readonly pictures: (FinishedPicture | undefined)[];
  /** File names under which its pictures are served, if they were requested as URLs. */
  readonly fileNames: (string | undefined)[] = [];
  /** Pictures waiting to be drawn. */
  readonly waiting: number[];
  /** Number of failed attempts at each picture. */
  readonly tries: number[];
  /** Whether its pictures no longer share orders with others, not even with each other. */
  isAlone = false;
  /** Most pictures of other jobs that were drawn together with its own. */
  company = 0;
  /** Seconds of drawing, without waiting. */
  seconds = 0;
  step: { readonly step: number; readonly total: number } | undefined;
  error: ApiError | undefined;
  #status: JobStatus = "queued";
  readonly #listeners = new Set<(event: JobEvent) => void>();
  readonly #previews: number[];
  /** Settles when it is completed, failed or cancelled. */
  readonly end: Promise<void>;
  #resolveEnd: () => void = () => {};

  constructor(client: string, request: DrawRequest) {
    this.client = client;
    this.#request = request;
    this.waiting = Array.from({ length: request.count }, (_, i) => i);
    this.pictures = this.waiting.map(() => undefined);
    this.#previews = this.waiting.map(() => 0);
    this.tries = this.waiting.map(() => 0);
    this.end = new Promise((resolve) => {
      this.#resolveEnd = resolve;
    });
  }

  /** Without its pictures once the job has ended. */
  get request(): DrawRequest {
    return this.#request;
  }

  get status(): JobStatus {
    return this.#status;
  }

  get isOver(): boolean {
    return this.#status !== "queued" && this.#status !== "running";
  }

  get picturesDone(): number {
    return this.pictures.filter((picture) => picture !== undefined).length;
  }

  /** Calls a listener for all later events, until the returned function is called. */
  listen(listener: (event: JobEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  start(): void {
    if (this.#status === "queued") this.#status = "running";
  }

  progress(step: number, total: number): void {
    if (this.isOver) return;
    this.step = { step, total };
    this.#tell({ type: "progress", step, total });
  }

  preview(picture: number, image: RawPicture, step: number, total: number): void {
    const index = this.#previews[picture] ?? 0;
    this.#previews[picture] = index + 1;
    this.#tell({ type: "preview", picture, index, image, step, total });
  }

  /** Adds a finished picture; the last one completes the job. */
  finish(index: number, picture: FinishedPicture): void {
    if (this.isOver) return;
    this.pictures[index] = picture;
    this.#tell({ type: "picture", picture: index });
    if (this.picturesDone === this.pictures.length) this.#close("completed", { type: "completed" });
  }

  fail(error: ApiError): void {
    if (this.isOver) return;
    this.error = error;
    this.#close("failed", { type: "failed", error });
  }

  cancel(): void {
    if (!this.isOver) this.#close("cancelled", { type: "cancelled" });
  }

  /** Notifies listeners of the number of pictures before it. */
  moved(position: number): void {
    if (this.#status === "queued") this.#tell({ type: "queued", position });
  }

  #close(status: JobStatus, event: JobEvent): void {
    this.#status = status;
    this.waiting.length = 0;
    this.#request = { ...this.#request, images: {} };
    this.#tell(event);
    this.#listeners.clear();
    this.#resolveEnd();
  }

  #tell(event: JobEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }
}
