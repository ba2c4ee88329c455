export type { PredictionType } from "./common-fields.ts";
export type { SchedulerJson } from "./config-fields.ts";
export {
  type ContinuousDPMSolverConfig,
  ContinuousDPMSolverScheduler,
} from "./continuous-dpm-solver.ts";
export { type DDIMConfig, DDIMScheduler } from "./ddim.ts";
export { type DDPMConfig, DDPMScheduler } from "./ddpm.ts";
export { DMDScheduler } from "./dmd.ts";
export type { DPMSolverMultistepConfig } from "./dpm-solver-config.ts";
export { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";
export { drawNoise, type NoiseSource } from "./draw-noise.ts";
export {
  type EulerAncestralDiscreteConfig,
  EulerAncestralDiscreteScheduler,
} from "./euler-ancestral-discrete.ts";
export { type EulerDiscreteConfig, EulerDiscreteScheduler } from "./euler-discrete.ts";
export { type HeunDiscreteConfig, HeunDiscreteScheduler } from "./heun-discrete.ts";
export { type IDDPMConfig, IDDPMScheduler } from "./iddpm.ts";
export { type LCMConfig, LCMScheduler } from "./lcm.ts";
export { NoiseSchedule, type NoiseScheduleOptions, type TimestepNoise } from "./noise-schedule.ts";
export { type SASolverConfig, SASolverScheduler } from "./sa-solver.ts";
export type {
  CustomTimesteps,
  Scheduler,
  SchedulerStep,
  SchedulerStepOptions,
} from "./scheduler.ts";
export type { SchedulerFolderOptions } from "./scheduler-file.ts";
export {
  completedForClass,
  requireSchedulerName,
  schedulerClassNames,
  schedulerFromConfig,
  schedulerFromPretrained,
  schedulerNamed,
  schedulerNames,
  schedulerOfClass,
} from "./scheduler-registry.ts";
export { type UniPCMultistepConfig, UniPCMultistepScheduler } from "./uni-pc-multistep.ts";
