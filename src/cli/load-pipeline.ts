import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  DiffusionPipeline,
  type PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  PromptPack,
} from "../pipelines/index.ts";
import { schedulerNamed } from "../schedulers/index.ts";
import { isRun, pipelineFromRun } from "../training/run-pipeline.ts";
import { say } from "./talk.ts";

const MODEL_INDEX = "model_index.json";
const shipped = (name: string): string =>
  fileURLToPath(new URL(`../../models/${name}`, import.meta.url));

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
  /** `fp16`, …: the part of weight files' names before their extension. */
  readonly variant?: string;
  /** A sampler by its short name, or by its class. */
  readonly scheduler?: string;
  /** PEFT folders, each with `=scale` after it where that is not 1. */
  readonly lora?: readonly string[];
  /** A file of encoded prompts in place of the text encoder. */
  readonly promptsFrom?: string;
  /** Hash that the transformer's weights should have. */
  readonly expectedHash?: string;
}

/** The pipeline of a published folder, of a model that the package ships, of a run folder or of a checkpoint. */
export async function loadPipeline(
  model: string,
  changes: PipelineChanges = {},
): Promise<LoadedPipeline> {
  const loaded = await find(model, changes);
  const { pipe } = loaded;
  const { expectedHash, lora = [] } = changes;
  if (expectedHash !== undefined) {
    const found = await pipe.source?.hash();
    if (expectedHash !== found) {
      say(
        `Warning: the picture was drawn by a transformer of hash ${expectedHash}, and this one has ${found ?? "none"}: it will be another picture`,
      );
    }
  }
  for (const entry of lora) await addAdapter(pipe, entry);
  const { scheduler } = changes;
  if (scheduler !== undefined)
    pipe.scheduler = schedulerNamed(scheduler, pipe.scheduler.toConfig());
  return loaded;
}

async function find(model: string, changes: PipelineChanges): Promise<LoadedPipeline> {
  const { raw = false } = changes;
  for (const folder of [model, shipped(model)]) {
    if (existsSync(join(folder, MODEL_INDEX))) {
      return {
        pipe: await DiffusionPipeline.fromPretrained(folder, optionsOf(changes)),
        run: undefined,
      };
    }
  }
  if (isRun(model)) {
    const run = await pipelineFromRun(model, !raw);
    say(
      `${raw ? "Raw" : "Averaged"} weights of ${run.checkpoint} (stage "${run.stage.name}", step ${run.step} of ${run.stage.steps})`,
    );
    return { pipe: run.pipe, run };
  }
  throw new Error(
    `Expected a model but received ${model}: it is no published folder (with ${MODEL_INDEX}), no run folder, no checkpoint, and no model of this package`,
  );
}

function optionsOf({ dtype, variant, promptsFrom }: PipelineChanges): PixArtAlphaPretrainedOptions {
  if (dtype !== undefined && dtype !== "float32" && dtype !== "bfloat16" && dtype !== "float16") {
    throw new Error(`Expected float32, bfloat16 or float16 for --dtype but received ${dtype}`);
  }
  return {
    ...(dtype !== undefined && { dtype }),
    ...(variant !== undefined && { variant }),
    ...(promptsFrom !== undefined && { textEncoder: PromptPack.open(promptsFrom) }),
  };
}

/** `folder` or `folder=scale`. */
async function addAdapter(pipe: PixArtAlphaPipeline, entry: string): Promise<void> {
  const [, folder = entry, scale] = /^(.*?)(?:=([\d.]+))?$/.exec(entry) ?? [];
  await pipe.transformer.loadAdapter(folder, scale === undefined ? {} : { scale: Number(scale) });
}
