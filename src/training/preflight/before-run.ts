import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { ParsedConfig, ResolvedConfig } from "../../config/index.ts";
import { InvalidValueError, ResourceError } from "../../errors/index.ts";
import { T5Tokenizer } from "../../text/index.ts";
import { chooseDevice, type Device } from "../../torch/index.ts";
import { newestCheckpoint, stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { requireControlPictures } from "../dataset/control-pictures.ts";
import { reportOf } from "../dataset/data-report.ts";
import { tooFewSteps } from "../dataset/few-steps.ts";
import { requireReadable } from "../dataset/readable-pictures.ts";
import { recordOf } from "../dataset/run-data.ts";
import { stageTexts } from "../dataset/stage-texts.ts";
import { loadTrainingData, stageExamples, type TrainingData } from "../dataset/training-data.ts";
import { uncachedTexts } from "../features/captions.ts";
import {
  frozenTextEncoder,
  holdsTextEncoder,
  pretrainedTokenizer,
  trainsTextEncoder,
} from "../models/models.ts";
import { CHECKPOINTS_FOLDER, RunFolder, readRunConfig } from "../run-folder/run-folder.ts";
import { readIdentity } from "../run-folder/run-identity.ts";
import { changeRun, stepsDone } from "./change-run.ts";
import { resolveNewRun } from "./resolve-new-run.ts";
import { type Accepted, compareRun, requireKnownStages, requireOwn } from "./resume-check.ts";
import {
  describeForecast,
  diskMisfits,
  forecastRun,
  memoryMisfit,
  type RunForecast,
} from "./run-forecast.ts";
import { describeRun } from "./run-plan.ts";

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
 * everything that does not fit, and if control pictures are missing.
 */
export async function planRun(options: PlanOptions): Promise<RunForecast> {
  const { config, data, folder, done, device, processes, strict, warnings = [], say } = options;
  requireFewThreads(config);
  requireControlPictures(config, data);
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

/** Result of a dry run. */
export interface DryRun extends Pick<PlanOptions, "config" | "data" | "done" | "device"> {
  readonly forecast: RunForecast;
}

/** Options of {@link dryRun} and {@link dryResume}. */
export interface DryRunOptions extends Pick<PlanOptions, "processes" | "strict" | "say"> {
  /** Device to compute on instead of the config's. */
  readonly device?: string | undefined;
}

/**
 * Prints what a run of a config would do and need, writing nothing except downloads. DreamBooth's class pictures are ignored if
 * they are still to be drawn. Throws if the run would be refused, or would end before its first step because of its data.
 * @param resumeCommand as for the run
 */
export async function dryRun(
  given: ParsedConfig,
  resumeCommand: string,
  { processes, strict, say, device: asked }: DryRunOptions,
): Promise<DryRun> {
  const config = given.processes > 1 ? given : { ...given, processes };
  const folder = config.workDir;
  const device = firstDevice(asked ?? config.device, processes);
  RunFolder.requireNew(folder, resumeCommand);
  const data = await dryData(config);
  const settled = await resolveNewRun(config, data, device);
  const plan = { ...settled, data, done: 0, device };
  const forecast = await planRun({ ...plan, folder, processes, strict, say });
  await sayData(settled.config, data, say);
  return { ...plan, forecast };
}

/**
 * Prints what the run of a folder would do from its current state with these options applied, writing nothing. Throws if the
 * options, or the run that results from them, would be refused.
 */
export async function dryResume(
  folder: string,
  options: readonly string[],
  {
    processes,
    strict,
    say,
    device: asked,
    accepted,
  }: DryRunOptions & { readonly accepted: Accepted },
): Promise<DryRun> {
  const own = readRunConfig(folder);
  const data = await dryData(own);
  const { config, lines } = await changeRun(folder, own, options, data);
  for (const line of await lookBack(folder, { own, config, data, accepted, say }))
    say(`Warning: ${line}`);
  for (const line of lines) say(line);
  const device = firstDevice(asked ?? config.device, processes);
  const steps = await stepsDone(folder, config);
  const isComplete = config.stages.every((stage, i) => steps[i] === stage.steps);
  if (isComplete) say(`All stages of ${folder} are already complete`);
  const done = steps.reduce((sum: number, step = 0) => sum + step, 0);
  const plan = { config, data, done, device };
  const forecast = await planRun({ ...plan, folder, processes, strict, say });
  await sayData(config, data, say);
  return { ...plan, forecast };
}

/** What a resumed run would report about its checkpoints and data. Throws if they would make it refuse. */
async function lookBack(
  folder: string,
  { own, config, data, accepted, say }: ComparedRun,
): Promise<string[]> {
  const checkpoints = join(folder, CHECKPOINTS_FOLDER);
  await requireKnownStages(checkpoints, own);
  const latest = await Promise.all(
    own.stages.map(({ name }) => newestCheckpoint(stageCheckpoints(checkpoints, name), say)),
  );
  const { lines } = requireOwn(readIdentity(folder)?.id, latest, accepted);
  const checkpoint = latest.findLast((each) => each !== undefined);
  if (checkpoint === undefined) return [...lines];
  const record = await recordOf(folder, data, { say });
  const { location } = data.dataset;
  const { grows } = config.dataset;
  const comparison = { checkpoint, own, grows, record, location, accepted };
  return [...lines, ...(await compareRun(folder, comparison)).lines];
}

interface ComparedRun {
  readonly own: ResolvedConfig;
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  readonly accepted: Accepted;
  readonly say: (line: string) => void;
}

function firstDevice(wanted: string, processes: number): Device {
  const places = Array.from({ length: processes }, (_, place) => place);
  const [device = "cpu"] = places.map((place) => chooseDevice(wanted, place));
  return device;
}

function dryData({ dataset }: ParsedConfig): Promise<TrainingData> {
  const { classFolder } = dataset;
  const isDrawn = classFolder !== null && existsSync(classFolder);
  return loadTrainingData(isDrawn ? dataset : { ...dataset, classFolder: null });
}

/** What training would report about its pictures before the first step. */
async function sayData(
  config: ResolvedConfig,
  data: TrainingData,
  say: (line: string) => void,
): Promise<void> {
  const { line, warnings } = reportOf(data);
  say(line);
  for (const each of [...warnings, ...(await requireReadable(config, data, say))])
    say(`Warning: ${each}`);
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
