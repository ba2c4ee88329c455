import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { World } from "../distributed/index.ts";
import { HubError } from "../hub/index.ts";
import { isRepositoryName, nearestFolder } from "../hub/repository-name.ts";
import { PixArtControlNetAdapterModel } from "../models/index.ts";
import {
  DiffusionPipeline,
  loadAdapters,
  type PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  PromptPack,
} from "../pipelines/index.ts";
import { schedulerNamed } from "../schedulers/index.ts";
import type { Device, DType } from "../torch/index.ts";
import { isRun, pipelineFromRun } from "../training/run-pipeline.ts";
import { type AdapterEntry, adapterAt, adapterEntries } from "./lora-option.ts";
import { say } from "./talk.ts";

const MODEL_INDEX = "model_index.json";
const SHIPPED = fileURLToPath(new URL("../../models", import.meta.url));

/** A pipeline to draw with. */
export interface LoadedPipeline {
  readonly pipe: PixArtAlphaPipeline;
  /** The run that it came from, where it came from one. */
  readonly run: Awaited<ReturnType<typeof pipelineFromRun>> | undefined;
}

/** What is to be other than the model's files say. */
export interface PipelineChanges {
  /** From a run: the weights as trained, not their averages. */
  readonly raw?: boolean;
  /** float32, bfloat16 or float16; float32 where left out. */
  readonly dtype?: string;
  /** int8: large layers of the transformer and the text encoder with 8-bit weights. */
  readonly quantize?: string;
  /** `fp16`, …: the part of weight files' names before their extension. */
  readonly variant?: string;
  /** What it computes on; the CPU where left out. */
  readonly device?: Device;
  /** Of a model on the Hub: a branch, a tag or a commit. */
  readonly revision?: string;
  /** A sampler by its short name, or by its class. */
  readonly scheduler?: string;
  /** PEFT folders or LoRA files, each with `=scale` after it where that is not 1. */
  readonly lora?: readonly string[];
  /** A checkpoint of PixArt-δ's own code, or a folder or name on the Hub in diffusers' layout. */
  readonly controlnet?: string;
  /** A file of encoded prompts in place of the text encoder. */
  readonly promptsFrom?: string;
  /** Hash that the transformer's weights should have. */
  readonly expectedHash?: string;
}

/** Makes the device of a command that draws this process's own: 8-bit layers are for the CPU, which "auto" then means. */
export const drawingDevice = (
  wanted: string,
  { quantize }: Pick<PipelineChanges, "quantize">,
  world: World = World.solo,
): Device => world.useDevice(wanted === "auto" && quantize !== undefined ? "cpu" : wanted);

/**
 * The pipeline of a published folder, of a model that the package ships, of a run folder or of a checkpoint; of a model on the
 * Hub, where `model` is a name of that form and nothing of it is here.
 */
export async function loadPipeline(
  model: string,
  changes: PipelineChanges = {},
): Promise<LoadedPipeline> {
  const { expectedHash, lora = [], quantize, scheduler } = changes;
  if (lora.length > 0 && quantize !== undefined) {
    throw new Error(
      "Expected --lora or --quantize but received both: an adapter needs the float weights of its layers",
    );
  }
  const adapters = adapterEntries(lora);
  const loaded = await find(model, changes);
  const { pipe } = loaded;
  if (expectedHash !== undefined) {
    const found = await pipe.source?.hash();
    if (expectedHash !== found) {
      say(
        `Warning: the picture was drawn by a transformer of hash ${expectedHash}, and this one has ${found ?? "none"}: it will be another picture`,
      );
    }
  }
  for (const adapter of adapters) await addAdapter(pipe, adapter);
  if (scheduler !== undefined)
    pipe.scheduler = schedulerNamed(scheduler, pipe.scheduler.toConfig());
  return loaded;
}

async function find(model: string, changes: PipelineChanges): Promise<LoadedPipeline> {
  const options = optionsOf(changes);
  for (const folder of [model, join(SHIPPED, model)]) {
    if (existsSync(join(folder, MODEL_INDEX))) return published(folder, changes, options);
  }
  if (isRun(model)) return fromRun(model, changes);
  const adapter = adapterAt(model);
  if (adapter !== undefined) {
    throw new Error(
      `Expected a model but received ${model}, an adapter for one: npx pixart sample ${adapter.base ?? "MODEL"} --lora ${model}`,
    );
  }
  const reason = missing(model);
  if (existsSync(model) || !isRepositoryName(model)) {
    throw new Error(`Expected a model but received ${model}: ${reason}`);
  }
  try {
    return await published(model, changes, options);
  } catch (error) {
    if (!(error instanceof HubError)) throw error;
    throw new Error(
      `Expected a model but received ${model}: ${reason}; and as a name on the Hub: ${error.message}`,
      { cause: error },
    );
  }
}

/** Why nothing that is here is `model`. */
function missing(model: string): string {
  if (existsSync(model)) return `it has no ${MODEL_INDEX}, and is no run folder and no checkpoint`;
  const near = nearestFolder(model);
  const advice = near === undefined ? "" : ` (did you mean ${near}?)`;
  const shipped = readdirSync(SHIPPED).join(", ");
  return `no such folder is here${advice}, and no such model in this package (${shipped})`;
}

async function published(
  folderOrName: string,
  changes: PipelineChanges,
  options: PixArtAlphaPretrainedOptions,
): Promise<LoadedPipeline> {
  const { raw = false, controlnet: place } = changes;
  if (raw) {
    throw new Error(
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
        onWarning: (message) => say(`Warning: ${message}`),
      })
    : PixArtControlNetAdapterModel.fromPretrained(place, { dtype, device });
}

async function fromRun(model: string, changes: PipelineChanges): Promise<LoadedPipeline> {
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
    throw new Error(
      `Expected a published model with ${refused.join(" and ")} but received the run ${model}; publish it first: npx pixart publish ${model} FOLDER`,
    );
  }
  const run = await pipelineFromRun(model, !raw, changes.device);
  say(
    `${raw ? "Raw" : "Averaged"} weights of ${run.checkpoint} (stage "${run.stage.name}", step ${run.step} of ${run.stage.steps})`,
  );
  return { pipe: run.pipe, run };
}

function dtypeOf({ dtype }: PipelineChanges): DType | undefined {
  if (dtype !== undefined && dtype !== "float32" && dtype !== "bfloat16" && dtype !== "float16") {
    throw new Error(`Expected float32, bfloat16 or float16 for --dtype but received ${dtype}`);
  }
  return dtype;
}

function optionsOf(changes: PipelineChanges): PixArtAlphaPretrainedOptions {
  const { device, quantize, variant, revision, promptsFrom } = changes;
  const dtype = dtypeOf(changes);
  if (quantize !== undefined && quantize !== "int8") {
    throw new Error(`Expected int8 for --quantize but received ${quantize}`);
  }
  return {
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
  await loadAdapters(pipe, place, {
    name: place,
    scale,
    onWarning: (message) => say(`Warning: ${message}`),
  });
}
