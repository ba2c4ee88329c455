import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { RunError } from "../errors/index.ts";
import type { Adapter, AutoencoderKL } from "../models/index.ts";
import { DiffusionPipeline, PixArtAlphaPipeline, weightsSource } from "../pipelines/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import type { Device } from "../torch/index.ts";
import { Checkpoint, openCheckpoint } from "./checkpoints/checkpoint.ts";
import { MANIFEST_NAME } from "./contract/checkpoint-manifest.ts";
import { pretrainedTokenizer } from "./models/models.ts";
import { RunModelLoader } from "./models/run-model-loader.ts";
import { stateHash } from "./models/state-hash.ts";
import { newestDrawable } from "./run-folder/run-checkpoints.ts";
import { CHECKPOINTS_FOLDER, TOKENIZER_FOLDER } from "./run-folder/run-files.ts";
import { isRunFolder, readRunConfig } from "./run-folder/run-folder.ts";
import { samplerOf } from "./stages/sampler.ts";

type TextToImageStage = ResolvedStage<"text-to-image">;

/** A pipeline rebuilt from a run, and how far the run was. */
export interface RunPipeline {
  /** For the caller to dispose. */
  readonly pipe: Awaited<ReturnType<typeof PixArtAlphaPipeline.fromPretrained>>;
  /** On the pipeline's transformer, if the run trained one. A trained ControlNet is part of the pipeline. */
  readonly adapter: Adapter | undefined;
  /** On the pipeline's text encoder, if the run trained one. */
  readonly textEncoderAdapter: Adapter | undefined;
  /** The run's config. */
  readonly config: ResolvedConfig;
  /** The stage that the checkpoint is of. */
  readonly stage: TextToImageStage;
  /** Finished optimizer steps of the stage. */
  readonly step: number;
  /** Path of the checkpoint's folder. */
  readonly checkpoint: string;
}

/** Whether a path is a run folder or a checkpoint inside one. */
export const isRun = (path: string): boolean => isCheckpointFolder(path) || isRunFolder(path);

const isCheckpointFolder = (path: string): boolean => existsSync(join(path, MANIFEST_NAME));

/** The run folder that a path names or that contains the checkpoint: `<run>/checkpoints/<stage>/step-…`. */
export const runFolderOf = (path: string): string =>
  isCheckpointFolder(path) ? dirname(dirname(dirname(resolve(path)))) : path;

// Documented in ./on-demand.ts, through which the package exports it.
export async function pipelineFromRun(
  path: string,
  averaged: boolean,
  device: Device = "cpu",
  Models: typeof RunModelLoader = RunModelLoader,
): Promise<RunPipeline> {
  const given = resolve(path);
  const isCheckpoint = isCheckpointFolder(given);
  const run = runFolderOf(given);
  const config = readRunConfig(run);
  const models = new Models(config, join(run, CHECKPOINTS_FOLDER), device);
  const { stage, checkpoint } = isCheckpoint
    ? await explicitCheckpoint(config, given)
    : await newestOf(config, run);
  const tokenizer =
    "pretrained" in config.tokenizer
      ? await pretrainedTokenizer(config.tokenizer)
      : await T5Tokenizer.fromPretrained(join(run, TOKENIZER_FOLDER));
  const vae = await models.autoencoder();
  const { transformer, controlnet, textEncoder, ...adapters } = await models.textToImage(
    stage,
    vae,
    tokenizer,
    checkpoint,
    averaged,
  );
  const scheduler = await samplerOf(config, stage);
  // Without folders: pictures that record it are given away.
  const name = [basename(run), stage.name, basename(checkpoint.path)].join("/");
  const source = weightsSource(name, async () => stateHash(transformer).slice(0, 10));
  const parts = { transformer, controlnet, textEncoder, tokenizer, vae, scheduler };
  const pipe =
    config.base === null
      ? PixArtAlphaPipeline.create(parts, source)
      : await DiffusionPipeline.fromPretrained(config.base, { ...parts, source });
  const { steps, guidanceScale } = config.sampling;
  pipe.defaults = { numInferenceSteps: steps, guidanceScale };
  return { pipe, ...adapters, config, stage, step: checkpoint.step, checkpoint: checkpoint.path };
}

/** An autoencoder rebuilt from a run that trained nothing else, and how far the run was. */
export interface RunAutoencoder {
  readonly vae: AutoencoderKL;
  readonly config: ResolvedConfig;
  readonly stage: ResolvedStage<"autoencoder">;
  readonly checkpoint: string;
}

/**
 * The autoencoder, with averaged weights, of a run that has only autoencoder stages; undefined for other runs. Throws if its
 * stage is not complete.
 */
export async function autoencoderFromRun(path: string): Promise<RunAutoencoder | undefined> {
  const run = runFolderOf(resolve(path));
  const config = readRunConfig(run);
  const [stage, ...others] = config.stages;
  if (stage?.kind !== "autoencoder" || others.length > 0) return undefined;
  const models = new RunModelLoader(config, join(run, CHECKPOINTS_FOLDER));
  const checkpoint = await models.finished(stage);
  return { vae: await models.autoencoder(), config, stage, checkpoint: checkpoint.path };
}

interface Found {
  readonly stage: TextToImageStage;
  readonly checkpoint: Checkpoint;
}

async function explicitCheckpoint(config: ResolvedConfig, path: string): Promise<Found> {
  const checkpoint = await openCheckpoint(path);
  return { stage: drawingStage(config, checkpoint), checkpoint };
}

async function newestOf(config: ResolvedConfig, run: string): Promise<Found> {
  const checkpoint = new Checkpoint(await newestDrawable(run, config));
  return { stage: drawingStage(config, checkpoint), checkpoint };
}

function drawingStage(config: ResolvedConfig, { path, stage: name }: Checkpoint): TextToImageStage {
  const stage = config.stages.find((s) => s.name === name);
  if (stage?.kind === "text-to-image") return stage;
  throw new RunError(
    "ERR_NO_CHECKPOINT",
    `${path} is a checkpoint of stage "${name}", which cannot draw from prompts. Name one of a text-to-image stage (next to ${basename(dirname(path))}/)`,
  );
}
