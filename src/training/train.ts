import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig } from "../config/index.ts";
import { PREEMPTED, World } from "../distributed/index.ts";
import * as torch from "../torch/index.ts";
import { settleForData } from "./aspect-plan.ts";
import { planRun } from "./before-run.ts";
import { drawClassPictures } from "./class-pictures.ts";
import { largeStages } from "./rehearsal.ts";
import { RunFolder } from "./run-folder.ts";
import { StopRequest } from "./signals.ts";
import { type BegunRun, type TrainOptions, TrainSession } from "./train-session.ts";
import { loadTrainingData } from "./training-data.ts";

export type { TrainOptions } from "./train-session.ts";

/** How a call of {@link train} ended. */
export interface TrainOutcome {
  readonly folder: string;
  readonly finished: boolean;
  /** What the process should exit with: 0, or how a signal asked it to stop. */
  readonly exitCode: number;
}

/**
 * Trains the stages of a config one after the other in its run folder. Returns early where a signal asked for it, in any of the
 * run's processes.
 */
export async function train(config: CheckedConfig, options: TrainOptions): Promise<TrainOutcome> {
  const { resume, resumeCommand, say, world = World.solo } = options;
  const begun = resume ? await goOn(config, { ...options, world }) : await begin(config, options);
  using run = begun.run;
  using stop = new StopRequest(say);
  if (run.config.threads !== null) torch.setThreads(run.config.threads);
  const session = new TrainSession(begun, stop, options);
  try {
    const finished = await session.run();
    if (!finished) say(`Stopped. To go on: ${resumeCommand}`);
    world.leave();
    // A process that saw no signal itself stops because another one of its run did.
    return { folder: run.path, finished, exitCode: finished ? 0 : (stop.exitCode ?? PREEMPTED) };
  } catch (error) {
    session.fail(error);
    throw error;
  }
}

async function begin(
  given: CheckedConfig,
  { resumeCommand, say, rehearsal, device: asked, world = World.solo }: TrainOptions,
): Promise<BegunRun> {
  const own = { ...given, device: asked ?? given.device };
  const config = own.processes > 1 ? own : { ...own, processes: world.size };
  const folder = config.workDir;
  // Before all else: it is refused at once where it is not here.
  const device = world.useDevice(config.device);
  await world.first(async () => {
    RunFolder.requireNew(folder, resumeCommand);
    await drawClassPictures({ ...config, device }, say);
  });
  const data = await loadTrainingData(config.dataset);
  const settled = await settleForData(config, data);
  if (!world.isFirst) {
    world.barrier(); // the first has made the folder
    return { run: RunFolder.follow(folder), data, device, large: new Set() };
  }
  const strict = rehearsal !== false;
  const { shapes } = await planRun({
    config: settled,
    data,
    folder,
    done: 0,
    device,
    processes: world.localSize,
    strict,
    say,
  });
  const large = largeStages(shapes);
  const run = RunFolder.create(folder, settled, resumeCommand);
  world.barrier();
  return { run, data, device, large };
}

async function goOn(
  config: CheckedConfig,
  { say, world, device: asked }: Pick<TrainOptions, "say" | "device"> & { world: World },
): Promise<BegunRun> {
  const run = world.isFirst ? RunFolder.open(config.workDir) : RunFolder.follow(config.workDir);
  try {
    const device = world.useDevice(asked ?? run.config.device);
    await world.first(() => drawClassPictures({ ...run.config, device }, say));
    const data = await loadTrainingData(run.config.dataset);
    // The processes may have become more or fewer.
    const { workDir, processes } = run.config;
    const given = await settleForData({ ...config, processes }, data);
    if (!isDeepStrictEqual(run.config, { ...given, workDir })) {
      say(
        `The config has changed since this run began; it goes on with its own, ${join(run.path, "config.json")}`,
      );
    }
    return { run, data, device, large: new Set() };
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}
