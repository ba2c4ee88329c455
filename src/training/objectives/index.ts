export { gaussianDiffusionLoss } from "./gaussian-diffusion.ts";
export { type NoisePredictionOptions, noisePredictionLoss } from "./noise-prediction.ts";
export type { ObjectiveInput, ObjectiveOutput } from "./objective.ts";
export type { WeightingOptions } from "./timestep-weight.ts";
