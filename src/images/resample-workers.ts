import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { threadScript } from "../files/package/package-folder.ts";
import { JobThread } from "./job-thread.ts";
import type { Taps } from "./resample-taps.ts";
import { RESAMPLE_WASM } from "./resample-wasm.gen.ts";

/** Input of a worker. */
export interface ResampleJob {
  /** Rows from the top, three bytes per pixel. It moves to the worker, and is empty here afterwards. */
  readonly source: Uint8Array<ArrayBuffer>;
  readonly width: number;
  readonly horizontal: Taps;
  readonly vertical: Taps;
  /** Whether the height is resized before the width; each pass rounds to bytes. */
  readonly verticalFirst: boolean;
}

/** Keeps the event loop's thread free; four more are as many as pictures are read at once. */
const MOST_WORKERS = Math.min(4, Math.max(1, availableParallelism() - 1));

let module: WebAssembly.Module | undefined;

/** Its WebAssembly memory has the size of the largest picture so far, and only shrinks when the thread ends. */
const newThread = (): JobThread<ResampleJob, Uint8Array<ArrayBuffer>> =>
  new JobThread(() => {
    module ??= new WebAssembly.Module(Buffer.from(RESAMPLE_WASM, "base64"));
    const script = threadScript(new URL("./resample-worker.js", import.meta.url));
    return new Worker(script, { workerData: module, execArgv: [] });
  });
const crew = Array.from({ length: MOST_WORKERS }, newThread);

/** Resizes in the thread with the fewest jobs; among idle ones, in one that is already running. */
export function resampleInWorker(job: ResampleJob): Promise<Uint8Array<ArrayBuffer>> {
  const [first = newThread(), ...others] = crew;
  const freest = others.reduce(
    (best, each) =>
      each.jobs < best.jobs || (each.jobs === best.jobs && each.isRunning && !best.isRunning)
        ? each
        : best,
    first,
  );
  return freest.ask(job, [job.source.buffer]);
}
