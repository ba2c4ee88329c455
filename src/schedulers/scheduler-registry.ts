import { expected } from "../errors/index.ts";
import { buildScheduler, type SchedulerClass } from "./base/base-scheduler.ts";
import type { Scheduler } from "./base/scheduler.ts";
import { type SchedulerJson, unknownFields } from "./config/config-fields.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./config/scheduler-file.ts";
import { DDIMScheduler } from "./ddpm/ddim.ts";
import { DDPMScheduler } from "./ddpm/ddpm.ts";
import { DMDScheduler } from "./ddpm/dmd.ts";
import { IDDPMScheduler } from "./ddpm/iddpm.ts";
import { LCMScheduler } from "./ddpm/lcm.ts";
import { PNDMScheduler } from "./ddpm/pndm.ts";
import { TCDScheduler } from "./ddpm/tcd.ts";
import { EDMDPMSolverMultistepScheduler } from "./k-diffusion/edm-dpm-solver-multistep.ts";
import { EDMEulerScheduler } from "./k-diffusion/edm-euler.ts";
import { EulerAncestralDiscreteScheduler } from "./k-diffusion/euler-ancestral-discrete.ts";
import { EulerDiscreteScheduler } from "./k-diffusion/euler-discrete.ts";
import { HeunDiscreteScheduler } from "./k-diffusion/heun-discrete.ts";
import { KDPM2AncestralDiscreteScheduler } from "./k-diffusion/k-dpm-2-ancestral-discrete.ts";
import { KDPM2DiscreteScheduler } from "./k-diffusion/k-dpm-2-discrete.ts";
import { LMSDiscreteScheduler } from "./k-diffusion/lms-discrete.ts";
import { ContinuousDPMSolverScheduler } from "./solvers/continuous-dpm-solver.ts";
import { DEISMultistepScheduler } from "./solvers/deis-multistep.ts";
import { DPMSolverMultistepScheduler } from "./solvers/dpm-solver-multistep.ts";
import { DPMSolverSinglestepScheduler } from "./solvers/dpm-solver-singlestep.ts";
import { SASolverScheduler } from "./solvers/sa-solver.ts";
import { UniPCMultistepScheduler } from "./solvers/uni-pc-multistep.ts";

type Build = (json: SchedulerJson) => Scheduler;

const builderOf =
  <Config extends object>(one: SchedulerClass<Config, Scheduler>): Build =>
  (json) =>
    buildScheduler(one, json);

const byClassName = <Config extends object>(
  one: SchedulerClass<Config, Scheduler>,
): [string, Build] => [one.className, builderOf(one)];

const classes: ReadonlyMap<string, Build> = new Map([
  byClassName(DPMSolverMultistepScheduler),
  byClassName(DPMSolverSinglestepScheduler),
  byClassName(DDIMScheduler),
  byClassName(DDPMScheduler),
  byClassName(PNDMScheduler),
  byClassName(EulerDiscreteScheduler),
  byClassName(EulerAncestralDiscreteScheduler),
  byClassName(HeunDiscreteScheduler),
  byClassName(LMSDiscreteScheduler),
  byClassName(KDPM2DiscreteScheduler),
  byClassName(KDPM2AncestralDiscreteScheduler),
  byClassName(DEISMultistepScheduler),
  byClassName(UniPCMultistepScheduler),
  byClassName(SASolverScheduler),
  byClassName(LCMScheduler),
  byClassName(TCDScheduler),
  byClassName(EDMEulerScheduler),
  byClassName(EDMDPMSolverMultistepScheduler),
  byClassName(IDDPMScheduler),
  byClassName(ContinuousDPMSolverScheduler),
]);

const dpmSolver =
  (fields: SchedulerJson): Build =>
  (json) =>
    DPMSolverMultistepScheduler.fromConfig({ ...json, ...fields });

// Solvers that predict the noise can't reach zero noise.
const notToZero = { final_sigmas_type: "sigma_min" };

const names: ReadonlyMap<string, Build> = new Map<string, Build>([
  ["dpm-solver++", dpmSolver({ algorithm_type: "dpmsolver++" })],
  ["sde-dpm-solver++", dpmSolver({ algorithm_type: "sde-dpmsolver++" })],
  ["dpm-solver", dpmSolver({ algorithm_type: "dpmsolver", ...notToZero })],
  ["sde-dpm-solver", dpmSolver({ algorithm_type: "sde-dpmsolver", ...notToZero })],
  ["dpm-solver-singlestep", builderOf(DPMSolverSinglestepScheduler)],
  ["dpm-solver-original", builderOf(ContinuousDPMSolverScheduler)],
  ["ddim", builderOf(DDIMScheduler)],
  ["ddpm", builderOf(DDPMScheduler)],
  ["pndm", builderOf(PNDMScheduler)],
  ["plms", (json) => PNDMScheduler.fromConfig({ ...json, skip_prk_steps: true })],
  ["euler", builderOf(EulerDiscreteScheduler)],
  ["euler-ancestral", builderOf(EulerAncestralDiscreteScheduler)],
  ["heun", builderOf(HeunDiscreteScheduler)],
  ["lms", builderOf(LMSDiscreteScheduler)],
  ["kdpm2", builderOf(KDPM2DiscreteScheduler)],
  ["kdpm2-ancestral", builderOf(KDPM2AncestralDiscreteScheduler)],
  ["deis", builderOf(DEISMultistepScheduler)],
  ["unipc", builderOf(UniPCMultistepScheduler)],
  ["sa-solver", builderOf(SASolverScheduler)],
  ["lcm", builderOf(LCMScheduler)],
  ["tcd", builderOf(TCDScheduler)],
  ["dmd", builderOf(DMDScheduler)],
  ["iddpm", builderOf(IDDPMScheduler)],
]);

/** The classes that `schedulerFromConfig` knows, by diffusers' names. */
export const schedulerClassNames: readonly string[] = [...classes.keys()];

/** The short names that `schedulerNamed` knows. */
export const schedulerNames: readonly string[] = [...names.keys()];

/**
 * The scheduler described by a `scheduler_config.json`, by its `_class_name`; or a scheduler of another class with its fields, as
 * diffusers builds the class that `model_index.json` names from any file.
 */
export function schedulerFromConfig(json: SchedulerJson, className?: string): Scheduler {
  const name = className ?? json._class_name;
  const build = typeof name === "string" ? classes.get(name) : undefined;
  if (build !== undefined) return build({ ...json, _class_name: name });
  const reason =
    name === "DPMSolverSDEScheduler"
      ? "; its noise comes from the Python package torchsde: sde-dpm-solver++ is near"
      : "";
  throw expected(
    `one of ${schedulerClassNames.join(", ")}`,
    "_class_name",
    `${JSON.stringify(name) ?? "nothing"}${reason}`,
  );
}

/** Options of reading a scheduler. */
export interface SchedulerPretrainedOptions extends SchedulerFolderOptions {
  /**
   * The class to build, as `model_index.json` names it. Takes precedence over the file's own `_class_name`, which may then be
   * missing.
   */
  readonly className?: string | undefined;
}

/** Fields of a scheduler file, with the defaults of class `className`. Throws if the class isn't known. */
export const completedForClass = (className: string, json: SchedulerJson): SchedulerJson => ({
  ...schedulerFromConfig({}, className).toConfig(),
  ...json,
});

/**
 * A scheduler of a class that something other than its file names, such as a pipeline's index, which diffusers prefers too. Calls
 * `warn` if the file names another class, and for fields that no class knows. Throws if the class isn't known.
 */
export function schedulerOfClass(
  className: string,
  json: SchedulerJson,
  warn: (message: string) => void,
): Scheduler {
  const { _class_name: written = className } = json;
  if (written !== className) {
    warn(
      `the scheduler is a ${className}, as model_index.json says, and not the ${written} of _class_name here`,
    );
  }
  const own = Object.keys(schedulerFromConfig({}, className).toConfig());
  const unknown = unknownFields(json, own);
  if (unknown.length > 0) warn(`the fields ${unknown.join(", ")} are not known and were ignored`);
  const known = Object.entries(json).filter(([key]) => !unknown.includes(key));
  return schedulerFromConfig(Object.fromEntries(known), className);
}

/** Reads any scheduler from `scheduler_config.json` in `folder`, or in its `subfolder`. */
export async function schedulerFromPretrained(
  folder: string,
  { className, ...options }: SchedulerPretrainedOptions = {},
): Promise<Scheduler> {
  return readSchedulerFile(folder, options, (json) => schedulerFromConfig(json, className));
}

/**
 * The scheduler with a short name such as "euler", or a class name, with the noise schedule and other shared fields of the
 * scheduler in `json`: another way to sample the same model.
 */
export const schedulerNamed = (name: string, json: SchedulerJson = {}): Scheduler =>
  builderNamed(name)(json);

/** Throws for a name that {@link schedulerNamed} doesn't know. */
export const requireSchedulerName = (name: string): void => void builderNamed(name);

function builderNamed(name: string): Build {
  const build = names.get(name) ?? classes.get(name);
  if (build === undefined) {
    throw expected(
      `one of ${schedulerNames.join(", ")} (or a diffusers class name)`,
      "scheduler",
      JSON.stringify(name),
    );
  }
  return build;
}
