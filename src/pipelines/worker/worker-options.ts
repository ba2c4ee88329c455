import { expected, expectedNo, expectedType } from "../../errors/index.ts";
import type { QuantizedPretrainedOptions } from "../../models/index.ts";
import { isObject } from "../checks/known-options.ts";
import { shownValue } from "../checks/shown-value.ts";
import type { GeneratedImage } from "../generated-image.ts";
import type {
  DenoiseStep,
  PixArtAlphaCallOptions,
  PixArtAlphaOutputs,
} from "../pixart-alpha-options.ts";

/** Options of loading a pipeline in a worker: those of `fromPretrained`, except given components. */
export interface WorkerPretrainedOptions extends Omit<QuantizedPretrainedOptions, "subfolder"> {
  /** The name of a sampler, instead of the folder's own. */
  readonly scheduler?: string | undefined;
  /** Whether the text encoder stays in memory between calls. Default: it stays if its files are smaller than 1 GiB. */
  readonly keepTextEncoder?: boolean;
  /** Null if prompts come encoded. */
  readonly textEncoder?: null;
}

/** A step of a call in a worker. Its tensors are valid until `onStep` returns, or until its promise resolves. */
export interface WorkerStep extends DenoiseStep {
  /** The model's estimate of the pictures at this step, decoded in the worker; only set after the `previewSteps`. */
  readonly previews?: readonly GeneratedImage[] | undefined;
}

/** Options of a call in a worker: those of a call, except what only one thread can use. */
export interface WorkerCallOptions<T extends keyof PixArtAlphaOutputs>
  extends Omit<PixArtAlphaCallOptions<T>, "generator" | "branches" | "onStep"> {
  /** Called after every step; the call waits for it. */
  readonly onStep?: (step: WorkerStep) => void | Promise<void>;
  /** Steps, counted from 1, after which `onStep` gets previews. Each takes as long as decoding the pictures. Default none. */
  readonly previewSteps?: readonly number[];
}

/** The loading options for the worker, which itself refuses unknown ones. Throws for what can't be posted. */
export function sentPretrainedOptions({
  onWarning: _,
  ...options
}: WorkerPretrainedOptions): Readonly<Record<string, unknown>> {
  for (const [name, value] of Object.entries(options)) {
    if (!isObject(value) && typeof value !== "function") continue;
    throw expected(
      "a place or a name, since the worker loads all components itself,",
      name,
      shownValue(value),
    );
  }
  return options;
}

/** The options of a call, divided into those used here and those posted to the worker, which refuses unknown ones. */
export interface DividedOptions {
  readonly here: Pick<WorkerCallOptions<"image">, "onStep" | "onWarning" | "signal">;
  readonly previewSteps: readonly number[];
  readonly sent: Readonly<Record<string, unknown>>;
}

/** Divides a call's options. Throws for what can't be posted to the worker. */
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
    const where = "in a worker, which takes a seed instead,";
    throw expectedNo("generator", where, shownValue(sent.generator));
  }
  if (sent.branches !== undefined)
    throw expectedNo("branches", "in a worker", shownValue(sent.branches));
  if (previewSteps !== undefined && !areSteps(previewSteps))
    throw expected("a list of steps, counted from 1,", "previewSteps", shownValue(previewSteps));
  if (previewSteps !== undefined && onStep === undefined)
    throw expectedNo("previewSteps", "without onStep", shownValue(previewSteps));
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
