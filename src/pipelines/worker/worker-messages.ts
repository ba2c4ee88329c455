import type { SentError } from "./sent-error.ts";

// Messages between a pipeline in a worker and the thread that uses it. Only one call runs at a time, so messages carry no call
// id.

/** The class of pipeline that reads a folder. */
export type PipelineClass = "PixArtAlphaPipeline" | "PixArtSigmaPipeline" | "DiffusionPipeline";

/** The worker's initial data. */
export interface WorkerSetup {
  /** Whether it runs from TypeScript, which worker threads of Node 20 can't load by themselves. */
  readonly isSource: boolean;
  readonly pipeline: PipelineClass;
  readonly place: string;
  /** Those of `fromPretrained`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A call of the pipeline, with pictures and tensors packed. */
export interface DrawMessage {
  readonly type: "draw";
  readonly prompt: string | readonly string[] | null;
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether to report each step, and wait until the caller has handled it. */
  readonly tellsSteps: boolean;
  /** Steps, counted from 1, after which previews are decoded. */
  readonly previewSteps: readonly number[];
}

export type ToWorker =
  | DrawMessage
  /** The caller has handled the step. */
  | { readonly type: "continue" }
  /** Stops the call before its next step. */
  | { readonly type: "stop" }
  | { readonly type: "memory" }
  /** Stops the call, frees the models and ends the thread. */
  | { readonly type: "end" };

export interface StepMessage {
  readonly type: "step";
  readonly step: number;
  readonly total: number;
  readonly timestep: number;
  readonly latents: unknown;
  readonly original: unknown;
  /** Undefined if none are wanted after this step. */
  readonly previews: unknown;
}

export type FromWorker =
  | { readonly type: "loaded" }
  | { readonly type: "refused"; readonly error: SentError }
  | { readonly type: "warning"; readonly message: string }
  | StepMessage
  | { readonly type: "drawn"; readonly images: unknown }
  | { readonly type: "failed"; readonly error: SentError }
  | { readonly type: "memory"; readonly tensors: number; readonly rss: number };
