export type { BetaSchedule, PredictionType, SolverPredictionType } from "./common-fields.ts";
export type { SchedulerJson } from "./config-fields.ts";
export {
  type ContinuousDPMSolverConfig,
  ContinuousDPMSolverScheduler,
} from "./continuous-dpm-solver.ts";
export { type DDIMConfig, DDIMScheduler } from "./ddim.ts";
export { type DDPMConfig, DDPMScheduler } from "./ddpm.ts";
export { type DEISMultistepConfig, DEISMultistepScheduler } from "./deis-multistep.ts";
export { DMDScheduler } from "./dmd.ts";
export type { DPMSolverMultistepConfig, DPMSolverSinglestepConfig } from "./dpm-solver-config.ts";
export { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";
export { DPMSolverSinglestepScheduler } from "./dpm-solver-singlestep.ts";
export { drawNoise, type NoiseSource } from "./draw-noise.ts";
export {
  type EDMDPMSolverMultistepConfig,
  EDMDPMSolverMultistepScheduler,
} from "./edm-dpm-solver-multistep.ts";
export { EDMEulerScheduler } from "./edm-euler.ts";
export type { EDMConfig } from "./edm-scheduler.ts";
export {
  type EulerAncestralDiscreteConfig,
  EulerAncestralDiscreteScheduler,
} from "./euler-ancestral-discrete.ts";
export { type EulerDiscreteConfig, EulerDiscreteScheduler } from "./euler-discrete.ts";
export { type HeunDiscreteConfig, HeunDiscreteScheduler } from "./heun-discrete.ts";
export { type IDDPMConfig, IDDPMScheduler } from "./iddpm.ts";
export { KDPM2AncestralDiscreteScheduler } from "./k-dpm-2-ancestral-discrete.ts";
export { KDPM2DiscreteScheduler } from "./k-dpm-2-discrete.ts";
export type { KDPM2Config } from "./k-dpm-2-scheduler.ts";
export { type LCMConfig, LCMScheduler } from "./lcm.ts";
export { type LMSDiscreteConfig, LMSDiscreteScheduler } from "./lms-discrete.ts";
export {
  type Float32ScheduleOptions,
  NoiseSchedule,
  type NoiseScheduleOptions,
  type TimestepNoise,
} from "./noise-schedule.ts";
export { type PNDMConfig, PNDMScheduler } from "./pndm.ts";
export { type SASolverConfig, SASolverScheduler } from "./sa-solver.ts";
export type {
  CustomSigmas,
  CustomTimesteps,
  Scheduler,
  SchedulerStep,
  SchedulerStepOptions,
} from "./scheduler.ts";
export type { SchedulerFolderOptions } from "./scheduler-file.ts";
export {
  completedForClass,
  requireSchedulerName,
  type SchedulerPretrainedOptions,
  schedulerClassNames,
  schedulerFromConfig,
  schedulerFromPretrained,
  schedulerNamed,
  schedulerNames,
  schedulerOfClass,
} from "./scheduler-registry.ts";
export { type TCDConfig, TCDScheduler } from "./tcd.ts";
export type { UniPCMultistepConfig } from "./uni-pc-config.ts";
export { UniPCMultistepScheduler } from "./uni-pc-multistep.ts";
