/** What turns prompts into pictures. */
export { GeneratedImage } from "./generated-image.ts";
export {
  type PixArtAlpha,
  type PixArtAlphaCallOptions,
  type PixArtAlphaOutput,
  type PixArtAlphaOutputs,
  PixArtAlphaPipeline,
  type PixArtAlphaPretrainedOptions,
  type WeightsSource,
} from "./pixart-alpha.ts";
export type { PixArtAlphaOptions, PixArtAlphaRequest } from "./pixart-alpha-request.ts";
export type {
  DenoiseOptions,
  DenoiseStep,
  EncodedPrompt,
  EncodedText,
  PixArtAlphaComponents,
} from "./pixart-alpha-stages.ts";
export { hasResolutionBins, nearestResolutionBin, type PictureSize } from "./resolution-bins.ts";
