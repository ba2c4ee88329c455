import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { CheckedConfig } from "../config/index.ts";
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

/** Trains the stages of a config one after the other in its run folder. Returns early where a signal asked for it. */
export async function train(config: CheckedConfig, options: TrainOptions): Promise<TrainOutcome> {
  const { resume, resumeCommand, say } = options;
  const begun = resume ? await goOn(config, say) : await begin(config, options);
  using run = begun.run;
  using stop = new StopRequest(say);
  if (run.config.threads !== null) torch.setThreads(run.config.threads);
  const session = new TrainSession(begun, stop, options);
  try {
    const finished = await session.run();
    if (!finished) say(`Stopped. To go on: ${resumeCommand}`);
    return { folder: run.path, finished, exitCode: finished ? 0 : (stop.exitCode ?? 0) };
  } catch (error) {
    session.fail(error);
    throw error;
  }
}

async function begin(
  config: CheckedConfig,
  { resumeCommand, say, rehearsal }: TrainOptions,
): Promise<BegunRun> {
  await drawClassPictures(config, say);
  const data = await loadTrainingData(config.dataset);
  const settled = await settleForData(config, data);
  const folder = config.workDir;
  RunFolder.requireNew(folder, resumeCommand);
  const strict = rehearsal !== false;
  const { shapes } = await planRun({ config: settled, data, folder, done: 0, strict, say });
  const large = largeStages(shapes);
  return { run: RunFolder.create(folder, settled, resumeCommand), data, large };
}

async function goOn(config: CheckedConfig, say: TrainOptions["say"]): Promise<BegunRun> {
  const run = RunFolder.open(config.workDir);
  try {
    await drawClassPictures(run.config, say);
    const data = await loadTrainingData(run.config.dataset);
    const { workDir } = run.config;
    if (!isDeepStrictEqual(run.config, { ...(await settleForData(config, data)), workDir })) {
      say(
        `The config has changed since this run began; it goes on with its own, ${join(run.path, "config.json")}`,
      );
    }
    return { run, data, large: new Set() };
  } catch (error) {
    run[Symbol.dispose]();
    throw error;
  }
}
