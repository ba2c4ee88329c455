/** Optimizers, learning-rate schedules, gradient clipping and parameter averages. */
export { Adafactor, type AdafactorOptions } from "./adafactor.ts";
export { AdamW, type AdamWOptions } from "./adamw.ts";
export { Came, type CameOptions } from "./came.ts";
export { clipGradNorm_, clipScale, gradNorm } from "./clip.ts";
export { createOptimizer, type OptimizerSettings } from "./create-optimizer.ts";
export { Ema, type EmaOptions, emaDecay } from "./ema.ts";
export { Lion, type LionOptions } from "./lion.ts";
export { type LrSchedule, lrFactor } from "./lr-schedule.ts";
export { isHiddenMatrix, Muon, type MuonOptions } from "./muon.ts";
export type { Optimizer, ParameterGroup } from "./optimizer.ts";
export { Prodigy, type ProdigyOptions } from "./prodigy.ts";
