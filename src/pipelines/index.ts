/** What turns prompts into pictures. */

export { NonFiniteError } from "./finite.ts";
export {
  DiffusionPipeline,
  PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  PixArtSigmaPipeline,
} from "./from-pretrained.ts";
export { GeneratedImage, imagesFromTensor } from "./generated-image.ts";
export { loadAdapters } from "./load-adapters.ts";
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
export { PromptPack } from "./prompt-pack.ts";
export {
  hasResolutionBins,
  nearestResolutionBin,
  type PictureSize,
  type TrainedSize,
  trainedSizes,
} from "./resolution-bins.ts";
export { StagedModel } from "./staged-model.ts";
export type { GuidanceInterval, TgateOptions } from "./step-guidance.ts";
export type { EncodedText, TextEncoder } from "./text-encoding.ts";
