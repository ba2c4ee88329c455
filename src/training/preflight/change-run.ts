import { join } from "node:path";
import { type ConfigDifference, valueText } from "../../config/checks/config-differences.ts";
import { resumeChanges } from "../../config/checks/resume-changes.ts";
import { ConfigError, type ResolvedConfig } from "../../config/index.ts";
import { applyOverrides } from "../../config/overrides.ts";
import { parseConfig } from "../../config/resolve-config.ts";
import { shortenedWarmups } from "../../config/resolve-epochs.ts";
import { withPrecision } from "../../config/with-precision.ts";
import { lrFactor } from "../../optim/lr-schedule.ts";
import { fastestDType } from "../../torch/index.ts";
import { listCheckpoints } from "../checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";
import { resolveEpochsForData } from "../dataset/aspect-plan.ts";
import type { TrainingData } from "../dataset/training-data.ts";
import { CHECKPOINTS_FOLDER, CONFIG_FILE } from "../run-folder/run-files.ts";
import { fitToBase } from "./base-fit.ts";

/** The config of a resumed run. */
export interface ChangedRun {
  readonly config: ResolvedConfig;
  readonly changes: readonly ConfigDifference[];
  /** The changes, one per line, for the user. */
  readonly lines: readonly string[];
}

/** Steps of the newest checkpoint of each of a run's stages; undefined if a stage has none. */
export const stepsDone = (
  folder: string,
  { stages }: ResolvedConfig,
): Promise<(number | undefined)[]> =>
  Promise.all(
    stages.map(async ({ name }) => {
      const list = await listCheckpoints(stageCheckpoints(join(folder, CHECKPOINTS_FOLDER), name));
      return list.at(-1)?.step;
    }),
  );

/**
 * The config of a resumed run with options such as `stages.0.steps=12` applied. Throws a ConfigError listing the options that
 * would contradict what was done or that are invalid.
 */
export async function changeRun(
  folder: string,
  own: ResolvedConfig,
  options: readonly string[],
  data: TrainingData,
): Promise<ChangedRun> {
  if (options.length === 0) return { config: own, changes: [], lines: [] };
  const source = join(folder, CONFIG_FILE);
  const parsed = parseConfig(applyOverrides(withTypes(own, options), options, source), source);
  const fit = await fitToBase(parsed);
  const fitted = withPrecision(fit.config, () => fastestDType(fit.config.device));
  const config = { ...(await resolveEpochsForData(fitted, data)), workDir: own.workDir };
  const done = await stepsDone(folder, own);
  const { changes, mistakes } = resumeChanges(own, config, done);
  if (mistakes.length > 0) throw new ConfigError(source, mistakes);
  if (changes.length === 0) return { config: own, changes, lines: [] };
  const warnings = [...fit.warnings, ...shortenedWarmups(parsed, config)];
  return {
    config,
    changes,
    lines: [
      `Changed from here on: ${changes.map(describeChange).join("; ")}`,
      ...rateChanges(own, config, done),
      ...warnings.map((each) => `Warning: ${each}`),
    ],
  };
}

/** The config without the fields of optimizers whose type the options change: the new type has its own fields and defaults. */
function withTypes(own: ResolvedConfig, options: readonly string[]): object {
  const replaced = options.flatMap((option) => {
    const [, number, type] = /^stages\.(\d+)\.optimizer\.type="?(\w+)"?$/.exec(option) ?? [];
    if (number === undefined) return [];
    return own.stages[Number(number)]?.optimizer.type === type ? [] : [Number(number)];
  });
  const stages = own.stages.map((stage, i) => {
    if (!replaced.includes(i)) return stage;
    const { lr, textEncoderLr } = { textEncoderLr: undefined, ...stage.optimizer };
    return { ...stage, optimizer: { lr, ...(textEncoderLr !== undefined && { textEncoderLr }) } };
  });
  return { ...own, stages };
}

/** Describes a config change for the user. */
export const describeChange = ({ place, values: [before, after] }: ConfigDifference): string =>
  `${place} ${valueText(before)} -> ${valueText(after)}`;

/** A schedule spans all steps of its stage, so a different number of steps changes the rate at each of them. */
function rateChanges(
  own: ResolvedConfig,
  changed: ResolvedConfig,
  done: readonly (number | undefined)[],
): string[] {
  return changed.stages.flatMap((stage, i) => {
    const before = own.stages[i];
    const step = done[i];
    if (before === undefined || step === undefined || stage.schedule.type === "constant") return [];
    if (before.steps === stage.steps || step >= stage.steps) return [];
    const rate = ({ optimizer, schedule, steps }: typeof stage, at: number): string =>
      String(Number((optimizer.lr * lrFactor(schedule, at, steps)).toPrecision(2)));
    return [
      `The learning rate of stage "${stage.name}" follows its ${stage.schedule.type} schedule over ${stage.steps} steps from here on: ${rate(stage, step)} in step ${step + 1}, after ${rate(before, step - 1)} in step ${step}`,
    ];
  });
}

/** Describes how a config differs from the one a run started or continues with; undefined if it does not. */
export function describeDrift(
  what: string,
  differences: readonly ConfigDifference[],
  folder: string,
): string | undefined {
  const shown = differences.slice(0, 5).map(describeChange).join("; ");
  if (differences.length === 0) return undefined;
  return `${what} (${shown}${differences.length > 5 ? "; …" : ""}), which is ignored: the run continues with its own config, ${join(folder, CONFIG_FILE)}. Give changes with --cfg-options`;
}
