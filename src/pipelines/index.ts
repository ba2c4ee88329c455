/** What turns prompts into pictures. */

export { NonFiniteError } from "./checks/finite.ts";
export { GeneratedImage, imagesFromTensor } from "./generated-image.ts";
export type { GuidanceBranches } from "./noise-predictor.ts";
export {
  type PipelineKind,
  PixArtAlpha,
  type PixArtAlphaCallOptions,
  type PixArtAlphaOutput,
  type PixArtAlphaOutputs,
  type WeightsSource,
  weightsSource,
} from "./pixart-alpha.ts";
export type { PixArtAlphaOptions, PixArtAlphaRequest } from "./pixart-alpha-request.ts";
export type {
  DenoiseOptions,
  DenoiseStep,
  PixArtAlphaComponents,
  StartLatents,
} from "./pixart-alpha-stages.ts";
export type { EncodedPrompt } from "./prompt-encoding.ts";
export { PromptPack } from "./prompts/prompt-pack.ts";
export { StagedModel } from "./prompts/staged-model.ts";
export type { EncodedText, TextEncoder } from "./prompts/text-encoding.ts";
export {
  DiffusionPipeline,
  PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  PixArtSigmaPipeline,
} from "./published/from-pretrained.ts";
export { loadAdapters } from "./published/load-adapters.ts";
export {
  hasResolutionBins,
  nearestResolutionBin,
  type PictureSize,
  type TrainedSize,
  trainedSizes,
} from "./sizes/resolution-bins.ts";
export type { GuidanceInterval, TgateOptions } from "./step-guidance.ts";
export type { PipelineInWorker } from "./worker/in-worker.ts";
export type { WorkerMemory } from "./worker/pipeline-thread.ts";
export { WorkerEndedError } from "./worker/worker-ended-error.ts";
export type {
  WorkerCallOptions,
  WorkerPretrainedOptions,
  WorkerStep,
} from "./worker/worker-options.ts";
