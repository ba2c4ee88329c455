import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Taps } from "./resample-taps.ts";
import { RESAMPLE_WASM } from "./resample-wasm.gen.ts";

/** What a worker is given. */
export interface ResampleJob {
  /** Rows from the top, three bytes a pixel. It goes to the worker, and is empty here afterwards. */
  readonly source: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly horizontal: Taps;
  readonly vertical: Taps;
  /** Whether the height is resized before the width; each pass rounds to bytes. */
  readonly verticalFirst: boolean;
}

/** The event loop's thread stays free, and four more are as many as pictures are read at once. */
const MOST_WORKERS = Math.min(4, Math.max(1, availableParallelism() - 1));

/** A worker that nobody asks anything ends: its WebAssembly memory is that of the largest picture so far, and cannot shrink. */
const IDLE_MS = 10_000;

interface Waiting {
  readonly resolve: (pixels: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: Error) => void;
}

let module: WebAssembly.Module | undefined;
const crew = new Set<ResampleWorker>();

/** One thread, which takes jobs in their order and keeps the process alive while it has any. */
class ResampleWorker {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor() {
    module ??= new WebAssembly.Module(Buffer.from(RESAMPLE_WASM, "base64"));
    const script = new URL("./resample-worker.js", import.meta.url);
    this.#worker = new Worker(script, { workerData: module, execArgv: [] });
    this.#worker.on("message", (pixels: Uint8Array<ArrayBuffer>) => this.#next()?.resolve(pixels));
    this.#worker.on("error", (error) => {
      crew.delete(this);
      for (const each of this.#waiting.splice(0)) each.reject(error);
    });
    this.#worker.unref();
  }

  get jobs(): number {
    return this.#waiting.length;
  }

  run(job: ResampleJob): Promise<Uint8Array<ArrayBuffer>> {
    clearTimeout(this.#idle);
    return new Promise((resolve, reject) => {
      this.#worker.postMessage(job, [job.source.buffer]); // throws for what can't be sent
      if (this.#waiting.push({ resolve, reject }) === 1) this.#worker.ref();
    });
  }

  #rest(): void {
    this.#worker.unref();
    this.#idle = setTimeout(() => {
      crew.delete(this);
      void this.#worker.terminate();
    }, IDLE_MS).unref();
  }

  #next(): Waiting | undefined {
    const first = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#rest();
    return first;
  }
}

/** Resizes in the worker that has least to do, which is a new one as long as there are few. */
export function resampleInWorker(job: ResampleJob): Promise<Uint8Array<ArrayBuffer>> {
  const [freest] = [...crew].sort((a, b) => a.jobs - b.jobs);
  if (freest !== undefined && (freest.jobs === 0 || crew.size >= MOST_WORKERS))
    return freest.run(job);
  const added = new ResampleWorker();
  crew.add(added);
  return added.run(job);
}
