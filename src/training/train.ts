import { differencesOf } from "../config/checks/config-differences.ts";
import type { ParsedConfig } from "../config/index.ts";
import type { Recipe } from "../config/load-config.ts";
import { withPrecision } from "../config/with-precision.ts";
import { PREEMPTED, World } from "../distributed/index.ts";
import * as torch from "../torch/index.ts";
import { resolveEpochsForData } from "./dataset/aspect-plan.ts";
import { recallContents } from "./dataset/run-data.ts";
import { loadTrainingData, type TrainingData } from "./dataset/training-data.ts";
import { drawClassPictures } from "./features/class-pictures.ts";
import { firstForLong } from "./loop/first-for-long.ts";
import { StopRequest } from "./loop/signals.ts";
import { fitToBase } from "./preflight/base-fit.ts";
import { changeRun, describeDrift } from "./preflight/change-run.ts";
import { planRun } from "./preflight/plan-run.ts";
import { resolveNewRun } from "./preflight/resolve-new-run.ts";
import { RunFolder } from "./run-folder/run-folder.ts";
import { RunLog } from "./run-folder/run-log.ts";
import { lossOf } from "./run-folder/run-lost.ts";
import { type BegunRun, type TrainOptions, TrainSession } from "./train-session.ts";

export type { TrainOptions } from "./train-session.ts";

/** How a call of `train()` ended. */
export interface TrainOutcome {
  /** The run folder. */
  readonly folder: string;
  /** Whether all stages are complete; false if a signal stopped the run. */
  readonly finished: boolean;
  /** Exit code for the process: 0, or the code for the way a signal stopped the run. */
  readonly exitCode: number;
}

// Documented in ./on-demand.ts, through which the package exports it.
export async function train(config: ParsedConfig, options: TrainOptions): Promise<TrainOutcome> {
  const log = new RunLog(options.say);
  const told = { ...options, say: log.say };
  if (!options.resume) return carryOut(await begin(config, told), told, log);
  const drift = async (run: RunFolder, data: TrainingData): Promise<string | undefined> => {
    // The number of processes may have changed.
    const { workDir, processes } = run.config;
    const { config: fitted } = await fitToBase({ ...config, processes });
    const precise = withPrecision(fitted, (i) => run.config.stages[i]?.precision ?? "float32");
    const given = await resolveEpochsForData(precise, data);
    const differences = differencesOf(run.config, { ...given, workDir });
    return describeDrift("The config is not that of the run", differences, run.path);
  };
  return carryOut(await continueRun(config.workDir, told, drift), told, log);
}

/** Resumes the run of a folder, with the config stored there. */
export async function resumeRun(
  folder: string,
  { recipe, ...options }: Omit<TrainOptions, "resume">,
): Promise<TrainOutcome> {
  const drift = async (run: RunFolder): Promise<string | undefined> => {
    const before = run.recipe();
    return before === undefined || recipe === undefined
      ? undefined
      : recipeDrift(before, recipe, run.path);
  };
  const log = new RunLog(options.say);
  const all = { ...options, resume: true, say: log.say };
  return carryOut(await continueRun(folder, all, drift), all, log);
}

function recipeDrift(before: unknown, { file, value }: Recipe, run: string): string | undefined {
  // As JSON stores it: undefined values are dropped.
  const now: unknown = JSON.parse(JSON.stringify(value));
  const differences = differencesOf(Object(before), Object(now));
  return describeDrift(`${file} has changed since this run started`, differences, run);
}

async function carryOut(
  begun: BegunRun,
  options: TrainOptions,
  log: RunLog,
): Promise<TrainOutcome> {
  const { resumeCommand, say, world = World.solo } = options;
  using run = begun.run;
  if (world.isFirst) log.keepIn(run);
  else log.keepNowhere();
  using stop = new StopRequest(say);
  if (begun.config.threads !== null) torch.setThreads(begun.config.threads);
  const session = new TrainSession(begun, stop, options);
  try {
    const finished = await session.run();
    if (!finished) {
      const sheet = run.newestSheet();
      if (sheet !== undefined) say(`The newest samples: ${sheet}`);
      say(`Stopped. To continue: ${resumeCommand}`);
    }
    world.leave();
    // A process that received no signal itself stops because another process of its run did.
    return { folder: run.path, finished, exitCode: finished ? 0 : (stop.exitCode ?? PREEMPTED) };
  } catch (error) {
    // If the folder is gone, that is the cause, whatever failed first.
    const lost = await lossOf(run, error);
    session.fail(lost ?? error);
    log.note(`Failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    throw lost ?? error;
  }
}

async function begin(
  given: ParsedConfig,
  { resumeCommand, say, rehearsal, device: asked, recipe, world = World.solo }: TrainOptions,
): Promise<BegunRun> {
  const own = { ...given, device: asked ?? given.device };
  const config = own.processes > 1 ? own : { ...own, processes: world.size };
  const folder = config.workDir;
  // First of all: fails immediately if the device is not available here.
  const device = world.useDevice(config.device);
  await firstForLong(world, undefined, async () => {
    RunFolder.requireNew(folder, resumeCommand);
    await drawClassPictures({ ...config, device }, say);
  });
  const data = await loadTrainingData(config.dataset);
  const shared = { changes: [], data, device };
  let begun: BegunRun | undefined;
  await world.first(async () => {
    const { config: settled, warnings } = await resolveNewRun(config, data, device);
    const strict = rehearsal !== false;
    const forecast = await planRun({
      config: settled,
      data,
      folder,
      done: 0,
      device,
      processes: world.localSize,
      strict,
      warnings,
      say,
    });
    const run = await RunFolder.create(folder, settled, resumeCommand, { recipe, say });
    begun = { ...shared, run, config: settled, forecast };
  });
  if (begun !== undefined) return begun;
  const run = RunFolder.follow(folder);
  return { ...shared, run, config: run.config, forecast: undefined };
}

/** Start of an option that changes the device. */
const DEVICE = "device=";

async function continueRun(
  folder: string,
  { say, world = World.solo, device: asked, changes: options = [] }: TrainOptions,
  drift: (run: RunFolder, data: TrainingData) => Promise<string | undefined>,
): Promise<BegunRun> {
  const run = world.isFirst ? await RunFolder.open(folder, say) : RunFolder.follow(folder);
  try {
    // Needed before the other changes: everything below runs on this device.
    const changed = options.findLast((each) => each.startsWith(DEVICE))?.slice(DEVICE.length);
    const device = world.useDevice(asked ?? changed ?? run.config.device);
    await firstForLong(world, undefined, () => drawClassPictures({ ...run.config, device }, say));
    const data = await loadTrainingData(run.config.dataset);
    await recallContents(run.path, data);
    const drifted = await drift(run, data);
    if (drifted !== undefined) say(drifted);
    const { config, changes, lines } = await changeRun(run.path, run.config, options, data);
    for (const line of lines) say(line);
    return { run, config, changes, data, device, forecast: undefined };
  } catch (error) {
    const lost = await lossOf(run, error);
    run[Symbol.dispose]();
    throw lost ?? error;
  }
}
