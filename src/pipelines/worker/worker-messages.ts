import type { SentError } from "./sent-error.ts";

// What a pipeline in a worker and the thread that asked for it say to each other. One call is under way at a time, so that messages
// need not say whose they are.

/** Which of the pipelines reads a folder. */
export type PipelineClass = "PixArtAlphaPipeline" | "PixArtSigmaPipeline" | "DiffusionPipeline";

/** What the worker begins with. */
export interface WorkerSetup {
  /** Whether it runs from TypeScript, which threads of Node 20 don't load by themselves. */
  readonly isSource: boolean;
  readonly pipeline: PipelineClass;
  readonly place: string;
  /** Of `fromPretrained`. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A call of the pipeline, pictures and tensors packed. */
export interface DrawMessage {
  readonly type: "draw";
  readonly prompt: string | readonly string[] | null;
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether each step is told, and waits until the caller has heard of it. */
  readonly tellsSteps: boolean;
  /** Steps, counted from 1, after which previews are decoded. */
  readonly previewSteps: readonly number[];
}

export type ToWorker =
  | DrawMessage
  /** The caller has heard of the step. */
  | { readonly type: "continue" }
  /** Ends the call before its next step. */
  | { readonly type: "stop" }
  | { readonly type: "memory" }
  /** Ends the call, frees the models and ends the thread. */
  | { readonly type: "end" };

export interface StepMessage {
  readonly type: "step";
  readonly step: number;
  readonly total: number;
  readonly timestep: number;
  readonly latents: unknown;
  readonly original: unknown;
  /** Undefined where none are wanted after this step. */
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
