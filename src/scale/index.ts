export { type Assumption, assumptionsOf } from "./assumptions.ts";
export type { ScaleInputs } from "./inputs.ts";
export { PIXART_ALPHA } from "./pixart-alpha.ts";
export { parseScaleRecipe, type ScaleRecipe } from "./recipe.ts";
export {
  type ClockReport,
  type ScaleReport,
  type StageReport,
  simulateRun,
} from "./simulate-run.ts";
export type { DatasetStorage } from "./storage.ts";
