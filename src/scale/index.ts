export { type Assumption, assumptionsOf } from "./assumptions.ts";
export type { ScaleInputs, ScaleNumbers } from "./inputs.ts";
export { PIXART_ALPHA } from "./pixart-alpha.ts";
export { parseScaleRecipe, type ScaleRecipe, type ScaleStage } from "./recipe.ts";
export {
  type ClockReport,
  type ScaleReport,
  type StageReport,
  simulateRun,
} from "./simulate-run.ts";
export type { StepTime } from "./step-time.ts";
export type { DatasetStorage } from "./storage.ts";
