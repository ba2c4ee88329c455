import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ParsedConfig, ResolvedConfig } from "../../config/index.ts";
import { chooseDevice, type Device } from "../../torch/index.ts";
import { newestCheckpoint, stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { reportOf } from "../dataset/data-report.ts";
import { requireReadable } from "../dataset/readable-pictures.ts";
import { recordOf } from "../dataset/run-data.ts";
import { loadTrainingData, type TrainingData } from "../dataset/training-data.ts";
import { CHECKPOINTS_FOLDER } from "../run-folder/run-files.ts";
import { RunFolder, readRunConfig } from "../run-folder/run-folder.ts";
import { readIdentity } from "../run-folder/run-identity.ts";
import { changeRun, stepsDone } from "./change-run.ts";
import { type PlanOptions, planRun } from "./plan-run.ts";
import { resolveNewRun } from "./resolve-new-run.ts";
import { type Accepted, compareRun, requireKnownStages, requireOwn } from "./resume-check.ts";
import type { RunForecast } from "./run-forecast.ts";

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
