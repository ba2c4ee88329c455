export { gaussianDiffusionLoss } from "./gaussian-diffusion.ts";
export { latentConsistencyLoss, type PredictNoise } from "./latent-consistency.ts";
export { drawNoise, pyramidNoise } from "./noise.ts";
export { type NoisePredictionOptions, noisePredictionLoss } from "./noise-prediction.ts";
export type { ObjectiveInput, ObjectiveOutput } from "./objective.ts";
export type { WeightingOptions } from "./timestep-weight.ts";
export { biasedTimestep, cubicTimestep, drawTimesteps } from "./timesteps.ts";
