import type { SchedulerJson } from "./config-fields.ts";
import { ContinuousDPMSolverScheduler } from "./continuous-dpm-solver.ts";
import { DDIMScheduler } from "./ddim.ts";
import { DDPMScheduler } from "./ddpm.ts";
import { DMDScheduler } from "./dmd.ts";
import { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";
import { EulerAncestralDiscreteScheduler } from "./euler-ancestral-discrete.ts";
import { EulerDiscreteScheduler } from "./euler-discrete.ts";
import { HeunDiscreteScheduler } from "./heun-discrete.ts";
import { IDDPMScheduler } from "./iddpm.ts";
import { LCMScheduler } from "./lcm.ts";
import { SASolverScheduler } from "./sa-solver.ts";
import type { Scheduler } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import { UniPCMultistepScheduler } from "./uni-pc-multistep.ts";

type Build = (json: SchedulerJson) => Scheduler;

const classes: ReadonlyMap<string, Build> = new Map<string, Build>([
  ["DPMSolverMultistepScheduler", DPMSolverMultistepScheduler.fromConfig],
  ["DDIMScheduler", DDIMScheduler.fromConfig],
  ["DDPMScheduler", DDPMScheduler.fromConfig],
  ["EulerDiscreteScheduler", EulerDiscreteScheduler.fromConfig],
  ["EulerAncestralDiscreteScheduler", EulerAncestralDiscreteScheduler.fromConfig],
  ["HeunDiscreteScheduler", HeunDiscreteScheduler.fromConfig],
  ["UniPCMultistepScheduler", UniPCMultistepScheduler.fromConfig],
  ["SASolverScheduler", SASolverScheduler.fromConfig],
  ["LCMScheduler", LCMScheduler.fromConfig],
  ["IDDPMScheduler", IDDPMScheduler.fromConfig],
  ["ContinuousDPMSolverScheduler", ContinuousDPMSolverScheduler.fromConfig],
]);

const dpmSolver =
  (fields: SchedulerJson): Build =>
  (json) =>
    DPMSolverMultistepScheduler.fromConfig({ ...json, ...fields });

const names: ReadonlyMap<string, Build> = new Map<string, Build>([
  ["dpm-solver++", dpmSolver({ algorithm_type: "dpmsolver++" })],
  ["sde-dpm-solver++", dpmSolver({ algorithm_type: "sde-dpmsolver++" })],
  // The plain solver can't go all the way to no noise.
  ["dpm-solver", dpmSolver({ algorithm_type: "dpmsolver", final_sigmas_type: "sigma_min" })],
  ["dpm-solver-original", ContinuousDPMSolverScheduler.fromConfig],
  ["ddim", DDIMScheduler.fromConfig],
  ["ddpm", DDPMScheduler.fromConfig],
  ["euler", EulerDiscreteScheduler.fromConfig],
  ["euler-ancestral", EulerAncestralDiscreteScheduler.fromConfig],
  ["heun", HeunDiscreteScheduler.fromConfig],
  ["unipc", UniPCMultistepScheduler.fromConfig],
  ["sa-solver", SASolverScheduler.fromConfig],
  ["lcm", LCMScheduler.fromConfig],
  ["dmd", DMDScheduler.fromConfig],
  ["iddpm", IDDPMScheduler.fromConfig],
]);

/** The classes that `schedulerFromConfig` knows, by diffusers' names. */
export const schedulerClassNames: readonly string[] = [...classes.keys()];

/** The short names that `schedulerNamed` knows. */
export const schedulerNames: readonly string[] = [...names.keys()];

/** The scheduler that a `scheduler_config.json` is of, by its `_class_name`. */
export function schedulerFromConfig(json: SchedulerJson): Scheduler {
  const { _class_name: name } = json;
  const build = typeof name === "string" ? classes.get(name) : undefined;
  if (build === undefined) {
    throw new Error(
      `Expected ${schedulerClassNames.join(" or ")} for _class_name but received ${JSON.stringify(name) ?? "nothing"}`,
    );
  }
  return build(json);
}

/** Fields of diffusers' samplers that aren't here. */
const fieldsOfOthers = ["skip_prk_steps"];

/** Every field that some sampler knows; diffusers passes over those of others without a word. */
const knownFields = (): ReadonlySet<string> =>
  new Set([
    ...[...classes].flatMap(([name, build]) => Object.keys(defaultsOf(name, build))),
    ...fieldsOfOthers,
  ]);

const defaultsOf = (name: string, build: Build): SchedulerJson =>
  build({ _class_name: name }).toConfig();

/** Fields of a scheduler file with what it leaves out as the class `className` has it. Throws where the class isn't known. */
export function completedForClass(className: string, json: SchedulerJson): SchedulerJson {
  const build = classes.get(className);
  if (build === undefined) {
    throw new Error(
      `Expected ${schedulerClassNames.join(" or ")} for the class of a scheduler but received ${JSON.stringify(className)}`,
    );
  }
  return { ...defaultsOf(className, build), ...json };
}

/**
 * The scheduler of a class that something else than its file names, such as a pipeline's index: diffusers goes by that too.
 * `json` gives the fields, and the class what they leave out or mean for another class alone. `warn` hears where the
 * file names another class, and of fields that no class knows. Throws where the class isn't known.
 */
export function schedulerOfClass(
  className: string,
  json: SchedulerJson,
  warn: (message: string) => void = () => {},
): Scheduler {
  const completed = completedForClass(className, json);
  const { _class_name: written = className } = json;
  if (written !== className) {
    warn(
      `the scheduler is a ${className}, as model_index.json says, and not the ${written} of _class_name here`,
    );
  }
  const known = knownFields();
  const unknown = Object.keys(json).filter((key) => !key.startsWith("_") && !known.has(key));
  if (unknown.length > 0) {
    warn(`the fields ${unknown.join(", ")} are not known and were ignored`);
  }
  const build = classes.get(className);
  return (build as Build)({ ...completed, _class_name: written });
}

/** Reads `scheduler_config.json` from `folder`, or from its `subfolder`: whichever scheduler it is of. */
export async function schedulerFromPretrained(
  folder: string,
  options: SchedulerFolderOptions = {},
): Promise<Scheduler> {
  return readSchedulerFile(folder, options, schedulerFromConfig);
}

/**
 * The scheduler of a short name such as "euler", or of a class name, with the noise schedule and whatever else it shares
 * with the scheduler that `json` is of: what a model was trained for, sampled in another way.
 */
export const schedulerNamed = (name: string, json: SchedulerJson = {}): Scheduler =>
  builderNamed(name)(json);

/** Throws where {@link schedulerNamed} doesn't know a name. */
export const requireSchedulerName = (name: string): void => void builderNamed(name);

function builderNamed(name: string): Build {
  const build = names.get(name) ?? classes.get(name);
  if (build === undefined) {
    throw new Error(
      `Expected ${schedulerNames.join(" or ")} (or a class of diffusers) for scheduler but received ${JSON.stringify(name)}`,
    );
  }
  return build;
}
