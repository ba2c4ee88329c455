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
export function schedulerNamed(name: string, json: SchedulerJson = {}): Scheduler {
  const build = names.get(name) ?? classes.get(name);
  if (build === undefined) {
    throw new Error(
      `Expected ${schedulerNames.join(" or ")} (or a class of diffusers) for scheduler but received ${JSON.stringify(name)}`,
    );
  }
  return build(json);
}
