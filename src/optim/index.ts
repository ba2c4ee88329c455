/** Optimizers, learning-rate schedules, gradient clipping and parameter averages. */
export { Adafactor } from "./adafactor.ts";
export { AdamW } from "./adamw.ts";
export { Came } from "./came.ts";
export { clipGradNorm_, clipScale, gradNorm } from "./clip.ts";
export { createOptimizer } from "./create-optimizer.ts";
export { Ema, type EmaOptions, emaDecay } from "./ema.ts";
export { Lion } from "./lion.ts";
export { type LrSchedule, lrFactor } from "./lr-schedule.ts";
export { isHiddenMatrix, Muon } from "./muon.ts";
export type { Optimizer, ParameterGroup } from "./optimizer.ts";
export type {
  AdafactorOptions,
  AdamWOptions,
  CameOptions,
  LionOptions,
  MuonOptions,
  OptimizerSettings,
  ProdigyOptions,
} from "./optimizer-options.ts";
export { Prodigy } from "./prodigy.ts";
