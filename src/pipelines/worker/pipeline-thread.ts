import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { WorkerEndedError } from "../../errors/index.ts";
import { threadScript } from "../../files/package/package-folder.ts";
import type { Tensor } from "../../torch/index.ts";
import type { GeneratedImage } from "../generated-image.ts";
import { disposeUnpacked, Packing, unpack } from "./packing.ts";
import { receiveError } from "./sent-error.ts";
import type { FromWorker, StepMessage, ToWorker, WorkerSetup } from "./worker-messages.ts";
import type { DividedOptions } from "./worker-options.ts";

/** The engine's memory in a worker: live tensors of its thread, and the process's resident memory in bytes. */
export interface WorkerMemory {
  readonly tensors: number;
  readonly rss: number;
}

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

interface Call extends DividedOptions, Waiting<unknown> {
  readonly prompt: string | readonly string[] | null;
  readonly packing: Packing;
  /** What a callback of the caller threw. */
  thrown?: { readonly reason: unknown };
}

/** One thread with one pipeline, and its queue of calls. It keeps the process alive while it has any. */
export class PipelineThread {
  readonly #place: string;
  readonly #worker: Worker;
  readonly #onWarning: (message: string) => void;
  /** The first is running. */
  readonly #calls: Call[] = [];
  readonly #questions: Waiting<WorkerMemory>[] = [];
  readonly #exit: Promise<void>;
  #loading: Waiting<void> | undefined;
  #ended: WorkerEndedError | undefined;

  constructor(
    { pipeline, place, options }: Omit<WorkerSetup, "isSource">,
    onWarning: (message: string) => void = (message) => process.emitWarning(message),
  ) {
    this.#place = place;
    this.#onWarning = onWarning;
    const isSource = extname(import.meta.url) === ".ts";
    const workerData: WorkerSetup = { isSource, pipeline, place, options };
    const script = threadScript(new URL("./pipeline-worker.js", import.meta.url));
    this.#worker = new Worker(script, { workerData, execArgv: [] });
    this.#worker.on("message", (message: FromWorker) => this.#hear(message));
    this.#worker.on("messageerror", (error) => this.#end(error.message));
    this.#worker.on("error", (error: unknown) =>
      this.#end(error instanceof Error ? error.message : String(error)),
    );
    this.#exit = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#end(`its exit code is ${code}`);
        resolve();
      });
    });
  }

  /** Resolves once the worker has its models. */
  loaded(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended);
      else this.#loading = { resolve, reject };
    });
  }

  /** Draws after all earlier requests. */
  draw(prompt: Call["prompt"], options: DividedOptions): Promise<unknown> {
    const { signal } = options.here;
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) throw this.#ended;
      signal?.throwIfAborted();
      const abort = (): void => this.#abort(call);
      const settled = (): void => signal?.removeEventListener("abort", abort);
      const call: Call = {
        ...options,
        prompt,
        packing: new Packing(false),
        resolve: (images) => {
          settled();
          resolve(images);
        },
        reject: (reason) => {
          settled();
          reject(reason);
        },
      };
      signal?.addEventListener("abort", abort);
      this.#calls.push(call);
      if (this.#calls.length === 1) this.#start(call);
    });
  }

  /** Resolves when no step is being computed. */
  memory(): Promise<WorkerMemory> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#questions.push({ resolve, reject });
      this.#worker.ref();
      this.#tell({ type: "memory" });
    });
  }

  /** Stops the current call before its next step, and ends the thread. Resolves once its memory is freed. */
  dispose(): Promise<void> {
    if (this.#ended === undefined) {
      const message = `The pipeline of ${this.#place} in a worker was disposed`;
      this.#fail(new WorkerEndedError(message, "ERR_PIPELINE_DISPOSED"));
      this.#worker.ref();
      this.#tell({ type: "end" });
    }
    return this.#exit;
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #start(call: Call): void {
    const { prompt, packing, previewSteps, here } = call;
    try {
      const options = Object.fromEntries(
        Object.entries(call.sent).map(([name, value]) => [name, packing.pack(value)]),
      );
      const tellsSteps = here.onStep !== undefined;
      this.#tell({ type: "draw", prompt, options, tellsSteps, previewSteps });
      this.#worker.ref();
    } catch (error) {
      this.#finish(call, () => call.reject(error)); // cannot be posted
    }
  }

  #abort(call: Call): void {
    if (call === this.#calls[0]) this.#tell({ type: "stop" });
    else this.#finish(call, () => call.reject(call.here.signal?.reason));
  }

  #finish(call: Call, settle: () => void): void {
    const isFirst = call === this.#calls[0];
    this.#calls.splice(this.#calls.indexOf(call), 1);
    call.packing.takeBack();
    settle();
    const [next] = this.#calls;
    if (isFirst && next !== undefined) this.#start(next);
    else this.#rest();
  }

  #rest(): void {
    if (this.#calls.length === 0 && this.#questions.length === 0) this.#worker.unref();
  }

  #hear(message: FromWorker): void {
    const [call] = this.#calls;
    switch (message.type) {
      case "loaded":
        this.#loading?.resolve();
        this.#rest();
        break;
      case "refused":
        this.#loading?.reject(receiveError(message.error));
        break;
      case "warning":
        this.#warn(call, message.message);
        break;
      case "step":
        void this.#step(call, message);
        break;
      case "drawn":
        this.#drawn(call, unpack(message.images) as Tensor | readonly GeneratedImage[]);
        break;
      case "failed":
        if (call !== undefined)
          this.#finish(call, () => call.reject(failureOf(call, receiveError(message.error))));
        break;
      case "memory": {
        const { tensors, rss } = message;
        this.#questions.shift()?.resolve({ tensors, rss });
        this.#rest();
      }
    }
  }

  #warn(call: Call | undefined, message: string): void {
    const { onWarning = this.#onWarning } = call?.here ?? {};
    try {
      onWarning(message);
    } catch (reason) {
      this.#stopFor(call, reason);
    }
  }

  async #step(
    call: Call | undefined,
    { type: _, latents, original, previews, ...progress }: StepMessage,
  ): Promise<void> {
    using own = unpack(latents) as Tensor;
    using clean = unpack(original) as Tensor;
    const pictures = unpack(previews) as readonly GeneratedImage[] | undefined;
    if (call === undefined || call.thrown !== undefined) return;
    try {
      await call.here.onStep?.({ ...progress, latents: own, original: clean, previews: pictures });
      if (this.#ended === undefined) this.#tell({ type: "continue" });
    } catch (reason) {
      this.#stopFor(call, reason);
    }
  }

  /** A callback of the caller has thrown: fails the call, or the loading, with that. */
  #stopFor(call: Call | undefined, reason: unknown): void {
    if (call === undefined) {
      this.#loading?.reject(reason);
      void this.dispose();
      return;
    }
    call.thrown ??= { reason };
    if (this.#ended === undefined) this.#tell({ type: "stop" });
  }

  #drawn(call: Call | undefined, images: Tensor | readonly GeneratedImage[]): void {
    if (call === undefined || call.thrown !== undefined) disposeUnpacked(images);
    const { thrown } = call ?? {};
    if (call !== undefined)
      this.#finish(call, () => (thrown ? call.reject(thrown.reason) : call.resolve(images)));
  }

  #end(why: string): void {
    if (this.#ended !== undefined) return;
    const message = `The thread that drew with ${this.#place} ended: ${why}. Load the pipeline again with inWorker()`;
    this.#fail(new WorkerEndedError(message));
  }

  #fail(error: WorkerEndedError): void {
    this.#ended = error;
    this.#loading?.reject(error);
    for (const call of this.#calls.splice(0)) {
      call.packing.takeBack();
      call.reject(error);
    }
    for (const question of this.#questions.splice(0)) question.reject(error);
  }
}

/** The reason of a failed call, as a call in this thread would throw it. */
const failureOf = (call: Call, error: Error): unknown => {
  if (call.thrown !== undefined) return call.thrown.reason;
  const { signal } = call.here;
  return signal?.aborted && error.name === "AbortError" ? signal.reason : error;
};
