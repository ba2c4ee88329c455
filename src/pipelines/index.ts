/** Pipelines that turn prompts into pictures. */

export { NonFiniteError } from "./checks/finite.ts";
export type { DenoiseOptions } from "./denoise.ts";
export { GeneratedImage, imagesFromTensor } from "./generated-image.ts";
export { type WeightsSource, weightsSource } from "./generation-record.ts";
export type { GuidanceBranches, GuidanceInterval, TgateOptions } from "./guidance.ts";
export type { StartLatents } from "./latents.ts";
export { PixArtAlpha } from "./pixart-alpha.ts";
export type { PipelineKind, PixArtAlphaComponents } from "./pixart-alpha-components.ts";
export type {
  DenoiseStep,
  PixArtAlphaCallOptions,
  PixArtAlphaOptions,
  PixArtAlphaOutput,
  PixArtAlphaOutputs,
} from "./pixart-alpha-options.ts";
export type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
export type { EncodedText } from "./prompts/encoded-text.ts";
export { LazyModel } from "./prompts/lazy-model.ts";
export type { EncodedPrompt, TextEncoder } from "./prompts/prompt-encoder.ts";
export { PromptPack } from "./prompts/prompt-pack.ts";
export {
  DiffusionPipeline,
  PixArtAlphaPipeline,
  PixArtSigmaPipeline,
  samplingDefaultsOf,
} from "./published/from-pretrained.ts";
export { type LoadAdaptersOptions, loadAdapters } from "./published/load-adapters.ts";
export type { PixArtAlphaPretrainedOptions } from "./published/pretrained-options.ts";
export { SAMPLING_DEFAULTS, type SamplingDefaults } from "./sampling-defaults.ts";
export {
  hasResolutionBins,
  nearestResolutionBin,
  type PictureSize,
  type TrainedSize,
  trainedSizes,
} from "./sizes/resolution-bins.ts";
export type { PipelineInWorker } from "./worker/in-worker.ts";
export type { WorkerMemory } from "./worker/pipeline-thread.ts";
export type {
  WorkerCallOptions,
  WorkerPretrainedOptions,
  WorkerStep,
} from "./worker/worker-options.ts";
