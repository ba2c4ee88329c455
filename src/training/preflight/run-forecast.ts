import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { InternalError } from "../../errors/index.ts";
import { freeBytes } from "../../files/free-space.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Device } from "../../torch/index.ts";
import { bytesBelow } from "../checkpoints/bytes-below.ts";
import { stageExamples, type TrainingData } from "../dataset/training-data.ts";
import { memoryOf } from "../models/available-memory.ts";
import { type StageFootprint, stageFootprint } from "../models/stage-footprint.ts";
import { formatBytes } from "../progress/quantities.ts";
import { CHECKPOINTS_FOLDER } from "../run-folder/run-files.ts";
import { checkpointBytes } from "./checkpoint-room.ts";
import { type FeatureForecast, forecastFeatures } from "./feature-forecast.ts";

/** What a run will need, known before anything large is read. */
export interface RunForecast {
  readonly shapes: ReadonlyMap<ResolvedStage, StageFootprint>;
  /** Number of processes that share the machine's memory. */
  readonly processes: number;
  /** Of the stage that needs most; activations come on top. */
  readonly memory: {
    readonly stage: ResolvedStage;
    readonly bytes: number;
    /** Whether encoding captions, not training, needs most. */
    readonly isEncoding: boolean;
    /** Per process. */
    readonly available: number;
  };
  readonly checkpoints: number;
  readonly features: FeatureForecast;
  readonly disks: readonly DiskForecast[];
}

/** A file system and what the run writes to it. */
export interface DiskForecast {
  readonly folder: string;
  readonly bytes: number;
  readonly free: number;
}

/** Options of {@link forecastRun}. */
export interface ForecastOptions {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  /** The run folder, which need not exist. */
  readonly folder: string;
  /** Folder for cached features, which need not exist. */
  readonly cache: string;
  /** The device that the run computes on. */
  readonly device: Device;
  /** Number of the run's processes that share this machine's memory. */
  readonly processes: number;
  /** Counts the captions' tokens, if it already exists. */
  readonly tokenizer: T5Tokenizer | undefined;
  /** Whether all captions are already encoded. */
  readonly captionsCached: boolean;
}

/** Forecasts memory and disk from the shapes of all stages. */
export async function forecastRun(options: ForecastOptions): Promise<RunForecast> {
  const { config, data, folder, cache, device, processes, tokenizer, captionsCached } = options;
  // A tokenizer trained on the captions does not exist yet; its vocabulary has at most this many pieces.
  const vocabSize =
    "vocabSize" in config.tokenizer ? config.tokenizer.vocabSize : (tokenizer?.vocabSize ?? 0);
  const shapes = new Map<ResolvedStage, StageFootprint>();
  for (const stage of config.stages) {
    const { train, heldout } = stageExamples(stage, data);
    const pictures = train.map(({ file }) => file);
    const facts = { classCount: data.classCount, vocabSize, pictures, heldout: heldout.length };
    shapes.set(stage, await stageFootprint(config, stage, facts));
  }
  const features = forecastFeatures(config, data, shapes, tokenizer);
  const checkpoints = [...shapes].reduce(
    (sum, [stage, { checkpoint }]) => sum + checkpointBytes(stage, checkpoint),
    0,
  );
  const wanted = features.latents + features.captions;
  const missing = Math.max(0, wanted - (await bytesBelow(cache)));
  const saved = await bytesBelow(join(folder, CHECKPOINTS_FOLDER));
  return {
    shapes,
    processes,
    memory: {
      ...largest(shapes, captionsCached, device),
      available: memoryOf(device, processes),
    },
    checkpoints,
    features,
    disks: await disksOf([
      [folder, Math.max(0, checkpoints - saved)],
      [cache, missing],
    ]),
  };
}

/** Bytes in a device's memory throughout a stage's training. Pictures stay in main memory. */
const trainingMemory = ({ memory }: StageFootprint, device: Device): number =>
  memory.models +
  memory.gradients +
  memory.optimizer +
  memory.averages +
  (device === "cpu" ? memory.pictures : 0);

function largest(
  shapes: RunForecast["shapes"],
  captionsCached: boolean,
  device: Device,
): Omit<RunForecast["memory"], "available"> {
  const all = [...shapes].flatMap(([stage, each]) => [
    { stage, bytes: trainingMemory(each, device), isEncoding: false },
    // While captions are encoded the models are already in memory; gradients and the rest come later.
    ...(captionsCached || each.encoder === 0
      ? []
      : [{ stage, bytes: each.memory.models + each.encoder, isEncoding: true }]),
  ]);
  return all.reduce((a, b) => (b.bytes > a.bytes ? b : a));
}

async function disksOf(wants: readonly (readonly [string, number])[]): Promise<DiskForecast[]> {
  const disks = new Map<number, DiskForecast>();
  for (const [folder, bytes] of wants) {
    const there = nearest(folder);
    const { dev } = await stat(there);
    const known = disks.get(dev);
    disks.set(dev, {
      folder: known?.folder ?? folder,
      bytes: (known?.bytes ?? 0) + bytes,
      free: await freeBytes(there),
    });
  }
  return [...disks.values()];
}

const nearest = (path: string): string => (existsSync(path) ? path : nearest(dirname(path)));

/** Describes the forecast for the user. */
export function describeForecast(forecast: RunForecast): string[] {
  const { memory, checkpoints, features, disks } = forecast;
  const encoded = features.latents + features.captions;
  const lines = [
    `Memory: at least ${formatBytes(memory.bytes)}, ${wordsOf(forecast)}; ${formatBytes(memory.available)} are available${forecast.processes > 1 ? ` to each of ${forecast.processes} processes` : ""}`,
    `Disk: ${formatBytes(checkpoints)} of checkpoints`,
  ];
  const cached = `${formatBytes(features.latents)} of latents, ${formatBytes(features.captions)} of captions`;
  return [
    lines[0] ?? "",
    `${lines[1]}${encoded > 0 ? `, ${cached}` : ""}; ${disks
      .map(({ folder, free }) => `${formatBytes(free)} are free in ${folder}`)
      .join(", ")}`,
  ];
}

function wordsOf({ memory, shapes }: RunForecast): string {
  const { stage, isEncoding } = memory;
  const each = shapes.get(stage);
  if (each === undefined) throw new InternalError(`Expected the shapes of stage "${stage.name}"`);
  const { models, gradients, optimizer, averages, pictures } = each.memory;
  if (isEncoding) {
    return `for encoding the captions of stage "${stage.name}" (text encoder ${formatBytes(each.encoder)}, other models ${formatBytes(models)})`;
  }
  const parts = [
    `models ${formatBytes(models)}`,
    `gradients ${formatBytes(gradients)}`,
    `optimizer ${formatBytes(optimizer)}`,
    ...(averages > 0 ? [`averages ${formatBytes(averages)}`] : []),
    ...(pictures > 0 ? [`pictures ${formatBytes(pictures)} in main memory`] : []),
  ];
  return `in stage "${stage.name}" (${parts.join(", ")}) and activations on top`;
}

/** Why memory cannot hold the run, with what to do; undefined if it can. */
export function memoryMisfit(config: ResolvedConfig, forecast: RunForecast): string | undefined {
  const { memory } = forecast;
  if (memory.bytes <= memory.available) return undefined;
  return `${forecast.processes > 1 ? `Each of ${forecast.processes} processes` : "The run"} needs at least ${formatBytes(memory.bytes)} of memory ${wordsOf(forecast)}, but ${formatBytes(memory.available)} are available. ${memoryAdvice(config, forecast)}`;
}

/** The disks that cannot hold the run, one sentence each with what to do. */
export function diskMisfits({ disks, checkpoints, features }: RunForecast): string[] {
  return disks
    .filter(({ bytes, free }) => bytes > free)
    .map(
      ({ folder, bytes, free }) =>
        `The run needs ${formatBytes(bytes)} of disk in ${folder} (checkpoints ${formatBytes(checkpoints)}, latents ${formatBytes(features.latents)}, captions ${formatBytes(features.captions)}), but ${formatBytes(free)} are free. Lower keepCheckpoints, set ema to null, keep features on another disk with dataset.cache.folder, or write elsewhere with --work-dir`,
    );
}

function memoryAdvice(config: ResolvedConfig, { memory, shapes }: RunForecast): string {
  const { stage, isEncoding } = memory;
  const place = `stages.${config.stages.indexOf(stage)}`;
  if (isEncoding) {
    return `Encode the captions on a larger machine with pixart precompute and a dataset.cache.folder that both have${
      stage.precision === "float32" ? `, or set ${place}.precision to "bfloat16"` : ""
    }`;
  }
  const parts = shapes.get(stage)?.memory;
  const ways = [
    ...(stage.kind === "text-to-image" && stage.adapter === null && stage.controlnet === null
      ? [`train an adapter instead of the weights (${place}.adapter)`]
      : []),
    ...(stage.kind === "text-to-image" && stage.textEncoderAdapter !== null
      ? [`leave the text encoder as it is (${place}.textEncoderAdapter null)`]
      : []),
    ...(parts !== undefined && parts.averages > 0 ? [`keep no averages (${place}.ema null)`] : []),
    ...(parts !== undefined && parts.optimizer > parts.gradients
      ? [`take an optimizer with less state (${place}.optimizer.type "adafactor" or "lion")`]
      : []),
    ...(parts !== undefined && parts.pictures > parts.models
      ? [`train the autoencoder on fewer or smaller pictures (${place}.resolution)`]
      : []),
    "take a smaller model or a larger machine",
  ];
  const [first = "", ...rest] = ways;
  const sentence = [first, ...rest].join(", or ");
  return `${sentence[0]?.toUpperCase()}${sentence.slice(1)}`;
}
