import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { World } from "../../distributed/index.ts";
import { InvalidValueError } from "../../errors/index.ts";
import { shellWord } from "../../files/processes/shell-word.ts";
import { shippedModel } from "../../hub/index.ts";
import { PixArtControlNetAdapterModel } from "../../models/index.ts";
import {
  DiffusionPipeline,
  loadAdapters,
  type PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  PromptPack,
} from "../../pipelines/index.ts";
import { weightsRecord } from "../../pipelines/weights-record.ts";
import { schedulerNamed } from "../../schedulers/index.ts";
import { type Device, type DType, fastestDType } from "../../torch/index.ts";
import type * as RunPipeline from "../../training/run-pipeline.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { type AdapterEntry, adapterAt, adapterEntries } from "./lora-option.ts";
import { otherWeights, type RecordedWeights } from "./other-weights.ts";

const MODEL_INDEX = "model_index.json";

/** A pipeline to draw with. */
export interface LoadedPipeline {
  readonly pipe: PixArtAlphaPipeline;
  /** The run that it came from, if it came from one. */
  readonly run: Awaited<ReturnType<typeof RunPipeline.pipelineFromRun>> | undefined;
}

/** Overrides of what the model's files say. */
export interface PipelineChanges {
  /** From a run: the weights as trained, not their averages. */
  readonly raw?: boolean;
  /** float32, bfloat16, float16 or fastest; default float32. */
  readonly dtype?: string;
  /** int8: large layers of the transformer and the text encoder with 8-bit weights. */
  readonly quantize?: string;
  /** `fp16`, …: the part of weight files' names before their extension. */
  readonly variant?: string;
  /** The device to compute on; default the CPU. */
  readonly device?: Device;
  /** Of a model on the Hub: a branch, a tag or a commit. */
  readonly revision?: string;
  /** A sampler by its short name, or by its class. */
  readonly scheduler?: string;
  /** PEFT folders or LoRA files, each followed by `=scale` unless that is 1. */
  readonly lora?: readonly string[];
  /** A checkpoint of PixArt-δ's own code, or a folder or name on the Hub in diffusers' layout. */
  readonly controlnet?: string;
  /** A file of encoded prompts in place of the text encoder. */
  readonly promptsFrom?: string;
  /** The weights that drew a picture that is to be drawn again; others cause warnings. */
  readonly recorded?: RecordedWeights;
}

/** Selects this process's device for drawing. 8-bit layers are for the CPU, so "auto" then means that. */
export const drawingDevice = (
  wanted: string,
  { quantize }: Pick<PipelineChanges, "quantize">,
  world: World = World.solo,
): Device => world.useDevice(wanted === "auto" && quantize !== undefined ? "cpu" : wanted);

/**
 * The pipeline of a published folder, of a model that comes with the package, of a run folder or of a checkpoint; or of a model
 * on the Hub, if `model` has the form of its names and no such path exists.
 */
export async function loadPipeline(
  model: string,
  changes: PipelineChanges = {},
): Promise<LoadedPipeline> {
  const { recorded, lora = [], quantize, scheduler } = changes;
  if (lora.length > 0 && quantize !== undefined) {
    throw new UsageError(
      "Expected --lora or --quantize but received both: an adapter needs the float weights of its layers",
    );
  }
  const adapters = adapterEntries(lora);
  const loaded = await find(model, changes);
  const { pipe } = loaded;
  for (const adapter of adapters) await addAdapter(pipe, adapter);
  if (recorded !== undefined)
    for (const other of otherWeights(recorded, await weightsRecord(pipe, warn))) warn(other);
  // For a published folder it was set on loading, since the folder's own sampler may be unknown here.
  if (scheduler !== undefined && loaded.run !== undefined)
    pipe.scheduler = schedulerNamed(scheduler, pipe.scheduler.toConfig());
  return loaded;
}

async function find(model: string, changes: PipelineChanges): Promise<LoadedPipeline> {
  const options = optionsOf(changes);
  const isPublished = existsSync(join(model, MODEL_INDEX));
  // Training code is loaded only for runs.
  const isOther = !isPublished && existsSync(model);
  const runs = isOther ? await import("../../training/run-pipeline.ts") : undefined;
  if (runs?.isRun(model)) return fromRun(runs, model, changes);
  const shipped = isPublished ? undefined : shippedModel(model);
  if (!isPublished && shipped === undefined && existsSync(model)) {
    const adapter = adapterAt(model);
    if (adapter !== undefined) {
      throw new InvalidValueError(
        `Expected a model but received ${model}, an adapter for one: npx pixart sample ${shellWord(adapter.base ?? "MODEL")} --lora ${shellWord(model)}`,
      );
    }
    throw new InvalidValueError(`Expected a model but received ${model}: ${whyNoModel(model)}`);
  }
  return published(shipped ?? model, changes, options);
}

/** Why the path is not a model. */
const whyNoModel = (path: string): string =>
  statSync(path).isDirectory()
    ? `it has no ${MODEL_INDEX}, and is neither a run folder nor a checkpoint`
    : "it is a file";

async function published(
  folderOrName: string,
  changes: PipelineChanges,
  options: PixArtAlphaPretrainedOptions,
): Promise<LoadedPipeline> {
  const { raw = false, controlnet: place } = changes;
  if (raw) {
    throw new UsageError(
      `Expected a run with --raw but received ${folderOrName}, which has one set of weights`,
    );
  }
  const controlnet = place === undefined ? undefined : await controlNetOf(place, changes);
  const pipe = await DiffusionPipeline.fromPretrained(folderOrName, { ...options, controlnet });
  return { pipe, run: undefined };
}

function controlNetOf(
  place: string,
  changes: PipelineChanges,
): Promise<PixArtControlNetAdapterModel> {
  const { device } = changes;
  const dtype = dtypeOf(changes);
  const isFile = statSync(place, { throwIfNoEntry: false })?.isFile() ?? false;
  return isFile
    ? PixArtControlNetAdapterModel.fromSingleFile(place, {
        dtype,
        device,
        onWarning: warn,
      })
    : PixArtControlNetAdapterModel.fromPretrained(place, { dtype, device, onWarning: warn });
}

async function fromRun(
  { pipelineFromRun }: typeof RunPipeline,
  model: string,
  changes: PipelineChanges,
): Promise<LoadedPipeline> {
  const { raw = false, dtype = "float32", quantize, variant, revision, promptsFrom } = changes;
  const { controlnet } = changes;
  const given = {
    "--dtype": dtype === "float32" ? undefined : dtype,
    "--quantize": quantize,
    "--variant": variant,
    "--revision": revision,
    "--prompts-from": promptsFrom,
    "--controlnet": controlnet,
  };
  const refused = Object.entries(given).flatMap(([flag, value]) => (value ? [flag] : []));
  if (refused.length > 0) {
    throw new UsageError(
      `Expected a published model with ${refused.join(" and ")} but received the run ${model}; publish it first: npx pixart publish ${shellWord(model)} FOLDER`,
    );
  }
  const run = await pipelineFromRun(model, !raw, changes.device);
  say(
    `${raw ? "Raw" : "Averaged"} weights of ${run.checkpoint} (stage "${run.stage.name}", step ${run.step} of ${run.stage.steps})`,
  );
  return { pipe: run.pipe, run };
}

const warn = (message: string): void => say(`Warning: ${message}`);

const DTYPES = ["float32", "bfloat16", "float16"] as const;

function dtypeOf({
  dtype,
  device = "cpu",
}: Pick<PipelineChanges, "dtype" | "device">): DType | undefined {
  if (dtype === "fastest") return fastestDType(device);
  const found = DTYPES.find((known) => known === dtype);
  if (found === undefined && dtype !== undefined) {
    throw new UsageError(
      `Expected ${DTYPES.join(", ")} or fastest for --dtype but received ${dtype}`,
    );
  }
  return found;
}

function optionsOf(changes: PipelineChanges): PixArtAlphaPretrainedOptions {
  const { device, quantize, variant, revision, promptsFrom, scheduler } = changes;
  const dtype = dtypeOf(changes);
  if (quantize !== undefined && quantize !== "int8") {
    throw new UsageError(`Expected int8 for --quantize but received ${quantize}`);
  }
  return {
    onWarning: warn,
    ...(scheduler !== undefined && { scheduler }),
    ...(dtype !== undefined && { dtype }),
    ...(device !== undefined && { device }),
    ...(quantize !== undefined && { quantize }),
    ...(variant !== undefined && { variant }),
    ...(revision !== undefined && { revision }),
    ...(promptsFrom !== undefined && { textEncoder: PromptPack.open(promptsFrom) }),
  };
}

async function addAdapter(
  pipe: PixArtAlphaPipeline,
  { place, scale }: AdapterEntry,
): Promise<void> {
  await loadAdapters(pipe, place, { name: place, scale, onWarning: warn });
}
