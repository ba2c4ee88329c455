import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Goal, type GoalRequest, goalConfig } from "../../config/goals/goal-config.ts";
import { type ParsedConfig, resolveConfig, type TrainConfig } from "../../config/index.ts";
import { applyOverrides } from "../../config/overrides.ts";
import { readDataset } from "../../data/read-dataset.ts";
import { InternalError } from "../../errors/index.ts";
import { shellWord } from "../../files/processes/shell-word.ts";
import { shippedModel } from "../../hub/index.ts";
import { samplingDefaultsOf } from "../../pipelines/index.ts";
import { resolveEpochsForData } from "../../training/dataset/aspect-plan.ts";
import { stageExamples } from "../../training/dataset/training-data.ts";
import { measureStep } from "../../training/measure-step.ts";
import { baseResolution } from "../../training/preflight/base-fit.ts";
import { dryRun } from "../../training/preflight/dry-run.ts";
import { planReport } from "../../training/preflight/plan-report.ts";
import { FEWEST_STEPS, type MeasuredStage, planTime } from "../../training/preflight/time-plan.ts";
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
  const fill = (
    steps: number,
    validationSamples?: number,
  ): { value: TrainConfig; config: ParsedConfig } => {
    const value = applyOverrides(
      goalConfig({ ...request, steps, validationSamples }),
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
  const stageOf = async (steps: number, samples?: number): Promise<MeasuredStage> => {
    const { stages } = await resolveEpochsForData(fill(steps, samples).config, first.data);
    const [stage] = stages;
    if (stage === undefined) throw new InternalError("Expected a goal's config to have a stage");
    const { train: trained, heldout } = stageExamples(stage, first.data);
    return { stage, counts: { train: trained.length, heldout: heldout.length }, stepSeconds };
  };
  const { steps, validationSamples, seconds } = await planTime(options.minutes, stageOf);
  const { value, config } = fill(steps, validationSamples);
  say(
    `A step takes ${Number(stepSeconds.toPrecision(2))} s: ${steps} steps in ${formatDuration(60 * options.minutes)}`,
  );
  if (validationSamples !== undefined) say(describeSamples(validationSamples));
  if (isDry) {
    const lines: string[] = [];
    const note = (line: string): void => {
      lines.push(line);
      say(line);
    };
    const plan = planReport(await dryRun(config, resumeCommand, { ...chosen, say: note }));
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

const describeSamples = (samples: number): string =>
  samples === 0
    ? "There is no validation: it would take more than a tenth of the time"
    : `Validations measure ${samples} pictures, so that they take no more than a tenth of the time`;
