/** Optimizers, learning-rate schedules, gradient clipping and parameter averages. */
export { AdamW, type AdamWOptions, type ParameterGroup } from "./adamw.ts";
export { clipGradNorm_ } from "./clip.ts";
export { Ema, type EmaOptions, emaDecay } from "./ema.ts";
export { type LrSchedule, lrFactor } from "./lr-schedule.ts";
