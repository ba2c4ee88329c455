import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import { InvalidValueError, ResourceError } from "../../errors/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import type { Device } from "../../torch/index.ts";
import { tooFewSteps } from "../dataset/checks/few-steps.ts";
import { requireFewUnreadable } from "../dataset/checks/stage-limit.ts";
import { requireStagePictures } from "../dataset/checks/stage-pictures.ts";
import { requireControlPictures } from "../dataset/control-pictures.ts";
import { stageTexts } from "../dataset/stage-texts.ts";
import { stageExamples, type TrainingData } from "../dataset/training-data.ts";
import { uncachedTexts } from "../features/captions.ts";
import {
  frozenTextEncoder,
  holdsTextEncoder,
  pretrainedTokenizer,
  trainsTextEncoder,
} from "../models/models.ts";
import { describeRun } from "./describe-run.ts";
import {
  describeForecast,
  diskMisfits,
  forecastRun,
  memoryMisfit,
  type RunForecast,
} from "./run-forecast.ts";

/** Options of {@link planRun}. */
export interface PlanOptions {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  /** The run folder, which need not exist. */
  readonly folder: string;
  /** Steps done by earlier processes, over all stages. */
  readonly done: number;
  /** The device this process computes on. */
  readonly device: Device;
  /** Number of the run's processes that share this machine's memory. */
  readonly processes: number;
  /** Refuses a run that cannot fit; otherwise this is only a warning. */
  readonly strict: boolean;
  /** Further warnings about the run, one sentence each. */
  readonly warnings?: readonly string[];
  readonly say: (line: string) => void;
}

/** Folder in which a run caches the frozen encoders' output. */
export const cacheFolder = ({ dataset }: ResolvedConfig, run: string): string =>
  dataset.cache.folder ?? join(run, "cache");

/**
 * Prints what a run will do and need, before anything large is read or written. Throws if memory or disk cannot hold it, naming
 * everything that does not fit, and if a stage has no pictures or classes, control pictures are missing or too many pictures can't
 * be read.
 */
export async function planRun(options: PlanOptions): Promise<RunForecast> {
  const { config, data, folder, done, device, processes, strict, warnings = [], say } = options;
  requireFewThreads(config);
  requireStagePictures(config, data);
  requireControlPictures(config, data);
  requireFewUnreadable(config, data);
  const tokenizer = await tokenizerOf(config, folder);
  const cache = cacheFolder(config, folder);
  const forecast = await forecastRun({
    config,
    data,
    folder,
    cache,
    device,
    processes,
    tokenizer,
    captionsCached:
      tokenizer !== undefined && (await areCaptionsCached(config, data, tokenizer, cache)),
  });
  for (const line of await describeRun(config, data, forecast.shapes, done)) say(line);
  if (device !== "cpu") say(`Device: ${device}`);
  for (const line of describeForecast(forecast)) say(line);
  for (const problem of [...warnings, ...tooFewSteps(config, data, done > 0)])
    say(`Warning: ${problem}`);
  const memory = memoryMisfit(config, forecast);
  const disks = diskMisfits(forecast);
  // A run that waits for room or frees some may start without it.
  const refused = strict
    ? [...(memory === undefined ? [] : [memory]), ...(config.whenFull === "stop" ? disks : [])]
    : [];
  if (refused.length > 0) {
    throw new ResourceError(
      memory === undefined ? "ERR_NO_ROOM" : "ERR_MEMORY",
      [...refused, "To try anyway, for instance with swap space: --no-rehearsal"].join("\n"),
    );
  }
  for (const problem of [...(memory === undefined ? [] : [memory]), ...disks])
    say(`Warning: ${problem}`);
  return forecast;
}

/** With more threads than cores, threads take turns and wait for each other after every operator. */
const THREADS_A_CORE = 8;

function requireFewThreads({ threads }: ResolvedConfig): void {
  const cores = availableParallelism();
  if (threads === null || threads <= THREADS_A_CORE * cores) return;
  throw new InvalidValueError(
    `Expected at most ${THREADS_A_CORE * cores} for threads on this machine, ${THREADS_A_CORE} for each of its ${cores} cores, but received ${threads}`,
  );
}

/** Undefined if the run has yet to train one. */
async function tokenizerOf(
  { tokenizer }: ResolvedConfig,
  folder: string,
): Promise<T5Tokenizer | undefined> {
  if ("pretrained" in tokenizer) return pretrainedTokenizer(tokenizer);
  const own = join(folder, "tokenizer");
  return existsSync(join(own, "tokenizer_config.json"))
    ? T5Tokenizer.fromPretrained(own)
    : undefined;
}

/** Whether no stage needs to load the frozen text encoder. */
async function areCaptionsCached(
  config: ResolvedConfig,
  data: TrainingData,
  tokenizer: T5Tokenizer,
  cache: string,
): Promise<boolean> {
  const { textEncoder } = config;
  if (!("pretrained" in textEncoder) || holdsTextEncoder(config)) return false;
  // Nothing has been cached there, so there is no need to read gigabytes of weights to hash them.
  if (!existsSync(cache)) return false;
  for (const stage of config.stages) {
    if (stage.kind !== "text-to-image" || trainsTextEncoder(stage)) continue;
    const missing = await uncachedTexts({
      encoder: frozenTextEncoder(textEncoder, stage),
      tokenizer,
      maxLength: config.tokenizer.maxLength,
      texts: stageTexts(config, { ...stageExamples(stage, data), prior: data.prior }),
      cache,
    });
    if (missing.length > 0) return false;
  }
  return true;
}
