export type { DPMSolverMultistepConfig } from "./dpm-solver-config.ts";
export { DPMSolverMultistepScheduler } from "./dpm-solver-multistep.ts";
export { NoiseSchedule, type NoiseScheduleOptions, type TimestepNoise } from "./noise-schedule.ts";
export type { Scheduler, SchedulerStep } from "./scheduler.ts";
