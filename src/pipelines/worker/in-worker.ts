import { inspect } from "node:util";
import type { PixArtAlphaOutput, PixArtAlphaOutputs } from "../pixart-alpha-options.ts";
import { PipelineThread, type WorkerMemory } from "./pipeline-thread.ts";
import type { PipelineClass } from "./worker-messages.ts";
import {
  dividedOptions,
  sentPretrainedOptions,
  type WorkerCallOptions,
  type WorkerPretrainedOptions,
} from "./worker-options.ts";

/**
 * A pipeline in a worker thread: `const { images } = await pipe("a fox", { seed: 1 })` gives exactly the pictures of the pipeline
 * in this thread, whose event loop keeps running meanwhile. Calls run in order. Errors have the same classes; if the thread ends,
 * pending calls fail with a WorkerEndedError.
 */
export interface PipelineInWorker {
  /**
   * As for the pipeline in this thread. Tensors of `outputType` "float" and "latent" arrive without a copy and are the caller's.
   */
  <T extends keyof PixArtAlphaOutputs = "image">(
    prompt: string | readonly string[] | null,
    options?: WorkerCallOptions<T>,
  ): Promise<PixArtAlphaOutput<T>>;
  /** The engine's memory in the worker, measured between two steps. */
  memory(): Promise<WorkerMemory>;
  /** Stops the current call before its next step, refuses further ones, and frees the memory of all models. */
  dispose(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Loads a pipeline in its own thread, as `fromPretrained` of `pipeline` does. */
export async function loadInWorker(
  pipeline: PipelineClass,
  place: string,
  options: WorkerPretrainedOptions = {},
): Promise<PipelineInWorker> {
  const setup = { pipeline, place, options: sentPretrainedOptions(options) };
  const thread = new PipelineThread(setup, options.onWarning);
  await thread.loaded();
  const call = async <T extends keyof PixArtAlphaOutputs = "image">(
    prompt: string | readonly string[] | null,
    given: WorkerCallOptions<T> = {},
  ): Promise<PixArtAlphaOutput<T>> => {
    const images = await thread.draw(prompt, dividedOptions(given));
    return { images: images as PixArtAlphaOutputs[T] };
  };
  return Object.assign(call, {
    memory: () => thread.memory(),
    dispose: () => thread.dispose(),
    [Symbol.asyncDispose]: () => thread.dispose(),
    [inspect.custom]: () => `${pipeline} of ${place}, in a worker`,
  });
}
