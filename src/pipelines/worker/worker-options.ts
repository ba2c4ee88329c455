import { expected, expectedType } from "../../errors/index.ts";
import type { QuantizedPretrainedOptions } from "../../models/index.ts";
import { isObject } from "../checks/known-options.ts";
import { shownValue } from "../checks/shown-value.ts";
import type { GeneratedImage } from "../generated-image.ts";
import type {
  DenoiseStep,
  PixArtAlphaCallOptions,
  PixArtAlphaOutputs,
} from "../pixart-alpha-options.ts";

/** How a pipeline in a worker is loaded: as by `fromPretrained`, which loads all components in the worker. */
export interface WorkerPretrainedOptions extends Omit<QuantizedPretrainedOptions, "subfolder"> {
  /** The name of a sampler, in place of the folder's own. */
  readonly scheduler?: string | undefined;
  /** Whether the text encoder stays in memory between calls. Default: only one whose files have less than 1 GiB stays. */
  readonly keepTextEncoder?: boolean;
  /** Null where prompts come encoded. */
  readonly textEncoder?: null;
}

/** A step of a call in a worker. Its tensors are valid until `onStep` has returned, or what it returned has resolved. */
export interface WorkerStep extends DenoiseStep {
  /** What the model takes for the pictures at this step, decoded in the worker; undefined but after the `previewSteps`. */
  readonly previews?: readonly GeneratedImage[] | undefined;
}

/** Options of a call in a worker: those of a call, but for what only one thread can use. */
export interface WorkerCallOptions<T extends keyof PixArtAlphaOutputs>
  extends Omit<PixArtAlphaCallOptions<T>, "generator" | "branches" | "onStep"> {
  /** Told after every step; the call waits for it. */
  readonly onStep?: (step: WorkerStep) => void | Promise<void>;
  /** Steps, counted from 1, after which `onStep` gets previews. Decoding one takes as long as decoding the pictures. Default none. */
  readonly previewSteps?: readonly number[];
}

/** The options of loading that the worker gets; it refuses those that there are not. Throws for what cannot be sent there. */
export function sentPretrainedOptions({
  onWarning: _,
  ...options
}: WorkerPretrainedOptions): Readonly<Record<string, unknown>> {
  for (const [name, value] of Object.entries(options)) {
    if (!isObject(value) && typeof value !== "function") continue;
    throw expected(
      "what can be named, since the worker loads all components itself,",
      name,
      shownValue(value),
    );
  }
  return options;
}

/** What of a call's options is used here, and what is sent to the worker, which refuses those that there are not. */
export interface DividedOptions {
  readonly here: Pick<WorkerCallOptions<"image">, "onStep" | "onWarning" | "signal">;
  readonly previewSteps: readonly number[];
  readonly sent: Readonly<Record<string, unknown>>;
}

/** Divides a call's options. Throws for what cannot be sent to the worker. */
export function dividedOptions(options: object): DividedOptions {
  if (!isObject(options))
    throw expectedType("an object of options", "the call of a pipeline", shownValue(options));
  const { onStep, onWarning, signal, previewSteps, ...sent } =
    options as WorkerCallOptions<"image"> & {
      readonly generator?: unknown;
      readonly branches?: unknown;
    };
  for (const [name, value] of Object.entries({ onStep, onWarning })) {
    if (value !== undefined && typeof value !== "function")
      throw expectedType("a function", name, shownValue(value));
  }
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw expectedType("an AbortSignal", "signal", shownValue(signal));
  if (sent.generator !== undefined) {
    const what = "nothing in a worker, which takes a seed in its place,";
    throw expected(what, "generator", shownValue(sent.generator));
  }
  if (sent.branches !== undefined)
    throw expected("nothing in a worker", "branches", shownValue(sent.branches));
  if (previewSteps !== undefined && !areSteps(previewSteps))
    throw expected("a list of steps, counted from 1,", "previewSteps", shownValue(previewSteps));
  if (previewSteps !== undefined && onStep === undefined)
    throw expected("nothing without onStep", "previewSteps", shownValue(previewSteps));
  return {
    here: {
      ...(onStep && { onStep }),
      ...(onWarning && { onWarning }),
      ...(signal && { signal }),
    },
    previewSteps: previewSteps ?? [],
    sent,
  };
}

const areSteps = (value: unknown): boolean =>
  Array.isArray(value) && value.every((each) => Number.isInteger(each) && each >= 1);
