import { existsSync } from "node:fs";
import { join } from "node:path";
import type { CheckedConfig, ResolvedConfig } from "../config/index.ts";
import { T5Tokenizer } from "../text/index.ts";
import { chooseDevice, type Device } from "../torch/index.ts";
import { settleForData } from "./aspect-plan.ts";
import { uncachedTexts } from "./captions.ts";
import { listCheckpoints } from "./checkpoint.ts";
import { requireControlPictures } from "./control-pictures.ts";
import {
  frozenTextEncoder,
  holdsTextEncoder,
  pretrainedTokenizer,
  trainsTextEncoder,
} from "./models.ts";
import {
  describeForecast,
  diskMisfits,
  forecastRun,
  memoryMisfit,
  type RunForecast,
} from "./run-forecast.ts";
import { describeRun } from "./run-plan.ts";
import { stageCheckpoints } from "./stage-models.ts";
import { stageTexts } from "./stage-texts.ts";
import { loadTrainingData, stageExamples, type TrainingData } from "./training-data.ts";

/** What {@link planRun} looks at. */
export interface PlanOptions {
  readonly config: ResolvedConfig;
  readonly data: TrainingData;
  /** The run folder, which need not exist. */
  readonly folder: string;
  /** Steps that earlier processes did, of all stages. */
  readonly done: number;
  /** What this process computes on. */
  readonly device: Device;
  /** How many processes of the run share this machine's memory. */
  readonly processes: number;
  /** Refuses what cannot fit; otherwise a warning says so. */
  readonly strict: boolean;
  readonly say: (line: string) => void;
}

/** Where a run keeps what frozen encoders make. */
export const cacheFolder = ({ dataset }: ResolvedConfig, run: string): string =>
  dataset.cache.folder ?? join(run, "cache");

/**
 * Prints what a run will do and what that takes, before anything large is read or written. Throws where memory or disk
 * cannot hold it, and names all that does not fit; and where control pictures are missing.
 */
export async function planRun(options: PlanOptions): Promise<RunForecast> {
  const { config, data, folder, done, device, processes, strict, say } = options;
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
  const memory = memoryMisfit(config, forecast);
  const disks = diskMisfits(forecast);
  // A run that waits for room, or makes some, may begin without it.
  const refused = strict
    ? [...(memory === undefined ? [] : [memory]), ...(config.whenFull === "stop" ? disks : [])]
    : [];
  if (refused.length > 0) {
    throw new Error(
      [...refused, "To try all the same, with swap space for instance: --no-rehearsal"].join("\n"),
    );
  }
  for (const problem of [...(memory === undefined ? [] : [memory]), ...disks])
    say(`Warning: ${problem}`);
  return forecast;
}

/** What a dry run found out. */
export interface DryRun extends Pick<PlanOptions, "config" | "data" | "done" | "device"> {
  readonly forecast: RunForecast;
}

/**
 * Prints what a run of a config would do and what that takes, writing nothing but downloads. DreamBooth's class pictures are
 * left out where they are yet to be drawn. Throws where the run cannot fit.
 * @param resume whether it goes on with the run in its folder
 */
export async function dryRun(
  config: CheckedConfig,
  {
    resume,
    processes,
    strict,
    say,
  }: { resume: boolean } & Pick<PlanOptions, "processes" | "strict" | "say">,
): Promise<DryRun> {
  const { workDir, dataset } = config;
  const places = Array.from({ length: processes }, (_, place) => place);
  const [device = "cpu"] = places.map((place) => chooseDevice(config.device, place));
  const { classFolder } = dataset;
  const isDrawn = classFolder !== null && existsSync(classFolder);
  const data = await loadTrainingData(isDrawn ? dataset : { ...dataset, classFolder: null });
  const shared = config.processes > 1 ? config : { ...config, processes };
  const settled = await settleForData(shared, data);
  const newest = await Promise.all(
    settled.stages.map(({ name }) =>
      listCheckpoints(stageCheckpoints(join(workDir, "checkpoints"), name)),
    ),
  );
  const done = newest.reduce((sum, list) => sum + (list.at(-1)?.step ?? 0), 0);
  const from = resume ? done : 0;
  const plan = { config: settled, data, folder: workDir, done: from, device, processes };
  const forecast = await planRun({ ...plan, strict, say });
  return { config: settled, data, done: from, device, forecast };
}

/** Undefined where the run has yet to make it. */
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

/** Whether no stage has to load the frozen text encoder. */
async function areCaptionsCached(
  config: ResolvedConfig,
  data: TrainingData,
  tokenizer: T5Tokenizer,
  cache: string,
): Promise<boolean> {
  const { textEncoder } = config;
  if (!("pretrained" in textEncoder) || holdsTextEncoder(config)) return false;
  // Nothing was ever encoded there: no need to read gigabytes of weights for their hash.
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
