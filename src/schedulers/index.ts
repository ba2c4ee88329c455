export * from "../errors/public.ts";
export type {
  CustomSigmas,
  CustomTimesteps,
  Scheduler,
  SchedulerStep,
  SchedulerStepOptions,
} from "./base/scheduler.ts";
export type { BetaSchedule, PredictionType, SolverPredictionType } from "./config/common-fields.ts";
export type { SchedulerJson } from "./config/config-fields.ts";
export type { SchedulerFolderOptions } from "./config/scheduler-file.ts";
export { type DDIMConfig, DDIMScheduler } from "./ddpm/ddim.ts";
export { type DDPMConfig, DDPMScheduler } from "./ddpm/ddpm.ts";
export { DMDScheduler } from "./ddpm/dmd.ts";
export { type IDDPMConfig, IDDPMScheduler } from "./ddpm/iddpm.ts";
export { type LCMConfig, LCMScheduler } from "./ddpm/lcm.ts";
export { type PNDMConfig, PNDMScheduler } from "./ddpm/pndm.ts";
export { type TCDConfig, TCDScheduler } from "./ddpm/tcd.ts";
export {
  type EDMDPMSolverMultistepConfig,
  EDMDPMSolverMultistepScheduler,
} from "./k-diffusion/edm-dpm-solver-multistep.ts";
export { EDMEulerScheduler } from "./k-diffusion/edm-euler.ts";
export type { EDMConfig } from "./k-diffusion/edm-scheduler.ts";
export {
  type EulerAncestralDiscreteConfig,
  EulerAncestralDiscreteScheduler,
} from "./k-diffusion/euler-ancestral-discrete.ts";
export { type EulerDiscreteConfig, EulerDiscreteScheduler } from "./k-diffusion/euler-discrete.ts";
export { type HeunDiscreteConfig, HeunDiscreteScheduler } from "./k-diffusion/heun-discrete.ts";
export { KDPM2AncestralDiscreteScheduler } from "./k-diffusion/k-dpm-2-ancestral-discrete.ts";
export { KDPM2DiscreteScheduler } from "./k-diffusion/k-dpm-2-discrete.ts";
export type { KDPM2Config } from "./k-diffusion/k-dpm-2-scheduler.ts";
export { type LMSDiscreteConfig, LMSDiscreteScheduler } from "./k-diffusion/lms-discrete.ts";
export { drawNoise, type NoiseSource } from "./noise/draw-noise.ts";
export {
  type Float32ScheduleOptions,
  NoiseSchedule,
  type NoiseScheduleOptions,
  type TimestepNoise,
} from "./noise/noise-schedule.ts";
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
export {
  type ContinuousDPMSolverConfig,
  ContinuousDPMSolverScheduler,
} from "./solvers/continuous-dpm-solver.ts";
export { type DEISMultistepConfig, DEISMultistepScheduler } from "./solvers/deis-multistep.ts";
export type {
  DPMSolverMultistepConfig,
  DPMSolverSinglestepConfig,
} from "./solvers/dpm-solver-config.ts";
export { DPMSolverMultistepScheduler } from "./solvers/dpm-solver-multistep.ts";
export { DPMSolverSinglestepScheduler } from "./solvers/dpm-solver-singlestep.ts";
export { type SASolverConfig, SASolverScheduler } from "./solvers/sa-solver.ts";
export type { UniPCMultistepConfig } from "./solvers/uni-pc-config.ts";
export { UniPCMultistepScheduler } from "./solvers/uni-pc-multistep.ts";
