import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Goal, type GoalRequest, goalConfig } from "../../config/goals/goal-config.ts";
import { type ParsedConfig, resolveConfig, type TrainConfig } from "../../config/index.ts";
import { applyOverrides } from "../../config/overrides.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { shellWord } from "../../files/processes/shell-word.ts";
import { shippedModel } from "../../hub/index.ts";
import { samplingDefaultsOf } from "../../pipelines/index.ts";
import { measureStep } from "../../training/measure-step.ts";
import { baseResolution } from "../../training/preflight/base-fit.ts";
import { dryRun } from "../../training/preflight/dry-run.ts";
import { planReport } from "../../training/preflight/plan-report.ts";
import { formatDuration } from "../../training/progress/quantities.ts";
import { train } from "../../training/train.ts";
import { printResult } from "../terminal/output.ts";
import { say } from "../terminal/talk.ts";
import { UsageError } from "../terminal/usage-error.ts";
import { resumeCommandOf } from "./resume-command.ts";
import { runNameOf } from "./run-name.ts";

/** Options of `pixart finetune`. */
export interface FinetuneCommandOptions {
  readonly goal: Goal;
  readonly minutes: number;
  readonly word?: string;
  readonly workDir?: string;
  readonly device?: string;
  readonly dryRun?: boolean;
  /** With a dry run: prints its plan as JSON on stdout. */
  readonly json?: boolean;
  readonly cfgOptions?: readonly string[];
}

/** Share of the time for steps; samples, checkpoints and loading take the rest. */
const SHARE_OF_STEPS = 0.85;
const FEWEST_STEPS = 20;
const MOST_STEPS = 100_000;

/** `pixart finetune BASE FOLDER` */
export async function finetuneCommand(
  base: string,
  folder: string,
  options: FinetuneCommandOptions,
): Promise<void> {
  const { dryRun: isDry = false, json = false, device } = options;
  if (json && !isDry)
    throw new UsageError(
      "Expected --dry-run with --json, which prints its plan, but received --json alone",
    );
  const name = runNameOf(folder);
  const workDir = options.workDir ?? join("work_dirs", `${name}-${options.goal}`);
  const request = await requestOf(base, folder, { ...options, name });
  const fill = (steps: number): { value: TrainConfig; config: ParsedConfig } => {
    const value = applyOverrides(
      goalConfig({ ...request, steps }),
      options.cfgOptions ?? [],
      name,
    ) as TrainConfig;
    return { value, config: { ...resolveConfig(value, name), workDir } };
  };
  const resumeCommand = resumeCommandOf({ config: join(workDir, "recipe.json"), workDir, device });
  const chosen = { strict: true, processes: 1, device, say };
  // Refuses what can't fit before anything is loaded.
  const first = await dryRun(fill(FEWEST_STEPS).config, resumeCommand, {
    ...chosen,
    say: () => {},
  });
  say("Measuring how long a step takes here");
  const cache = isDry ? undefined : join(workDir, "cache");
  const measured = { ...fill(FEWEST_STEPS).config, device: device ?? first.device };
  const stepSeconds = await measureStep(measured, () => {}, cache);
  const steps = stepsIn(options.minutes, stepSeconds);
  const { value, config } = fill(steps);
  say(
    `A step takes ${Number(stepSeconds.toPrecision(2))} s: ${steps} steps in ${formatDuration(60 * options.minutes)}`,
  );
  if (isDry) {
    const lines: string[] = [];
    const note = (line: string): void => {
      lines.push(line);
      say(line);
    };
    const plan = planReport(await dryRun(config, resumeCommand, { ...chosen, say: note }));
    const seconds = (steps * stepSeconds) / SHARE_OF_STEPS;
    if (json)
      process.stdout.write(
        `${JSON.stringify({ ...plan, lines, stepSeconds, seconds, config: value })}\n`,
      );
    return;
  }
  say(`The config, which is kept as ${join(workDir, "recipe.json")}:`);
  say(JSON.stringify(value, null, 2));
  const recipe = { file: join(workDir, "recipe.json"), value };
  const outcome = await train(config, { resume: false, resumeCommand, say, device, recipe });
  process.exitCode = outcome.exitCode;
  if (outcome.finished)
    say(`Done. Draw pictures: npx pixart sample ${shellWord(outcome.folder)} "a prompt"`);
  printResult(outcome.folder);
}

/** Describes the folder and the base. */
async function requestOf(
  base: string,
  folder: string,
  { goal, word, name }: FinetuneCommandOptions & { readonly name: string },
): Promise<GoalRequest> {
  const place = existsSync(base) ? resolve(base) : (shippedModel(base) ?? base);
  const own = word?.trim() || name;
  const { entries, missingCaption, location } = await readDataset(folder, {
    acceptUncaptioned: true,
  });
  if (entries.length === 0)
    throw new UsageError(`Expected a folder with pictures but received ${folder}, which has none`);
  const captions = entries.flatMap(({ text }) => (text === "" ? [] : [text]));
  return {
    goal,
    base: place,
    folder: existsSync(folder) ? location : folder,
    resolution: await baseResolution(place),
    sampling: await samplingDefaultsOf(place),
    steps: FEWEST_STEPS,
    word: own,
    pictures: entries.length,
    hasCaptions: captions.length > missingCaption.length,
    captions,
  };
}

/** A whole number of steps that fits into the time, rounded so that people can read it. */
function stepsIn(minutes: number, stepSeconds: number): number {
  const steps = (SHARE_OF_STEPS * 60 * minutes) / Math.max(stepSeconds, 1e-4);
  const unit = steps > 1000 ? 100 : 10;
  return Math.min(MOST_STEPS, Math.max(FEWEST_STEPS, Math.floor(steps / unit) * unit));
}
