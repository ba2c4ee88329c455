import { RgbImage } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import {
  checkOptions,
  isBoolean,
  isFunction,
  isNumber,
  isObject,
  type OptionCheck,
} from "./checks/known-options.ts";
import type { PixArtAlphaCallOptions } from "./pixart-alpha.ts";

const isTensor = (value: unknown): boolean => value instanceof torch.Tensor;
const isPicture = (value: unknown): boolean => value instanceof RgbImage;
const isPictures = (value: unknown): boolean =>
  isPicture(value) || (Array.isArray(value) && value.every(isPicture));

const NUMBER: OptionCheck = ["a number", isNumber];
const NUMBERS: OptionCheck = [
  "a list of numbers",
  (value) => Array.isArray(value) && value.every((each) => Number.isFinite(each)),
];
const BOOLEAN: OptionCheck = ["a boolean", isBoolean];
const FUNCTION: OptionCheck = ["a function", isFunction];
const TENSOR: OptionCheck = ["a tensor", isTensor];
const DECODED = 'a picture, such as await RgbImage.decode("fox.png")';
const PICTURES: OptionCheck = [`${DECODED}, or a list of them`, isPictures];

/** Every option of a call. The compiler refuses one without the other. */
const KNOWN: Readonly<Record<keyof PixArtAlphaCallOptions<"image">, OptionCheck>> = {
  numInferenceSteps: null,
  timesteps: NUMBERS,
  sigmas: NUMBERS,
  guidanceScale: NUMBER,
  guidanceInterval: NUMBERS,
  tgate: ["an object", isObject],
  eta: NUMBER,
  numImagesPerPrompt: null,
  width: null,
  height: null,
  seed: null,
  generator: null,
  latents: TENSOR,
  useResolutionBinning: BOOLEAN,
  onWarning: FUNCTION,
  signal: ["an AbortSignal", (value) => value instanceof AbortSignal],
  branches: ["an object", isObject],
  negativePrompt: null,
  promptEmbeds: TENSOR,
  promptAttentionMask: TENSOR,
  negativePromptEmbeds: TENSOR,
  negativePromptAttentionMask: TENSOR,
  cleanCaption: BOOLEAN,
  maxSequenceLength: null,
  image: PICTURES,
  strength: NUMBER,
  maskImage: [DECODED, isPicture],
  controlImage: PICTURES,
  outputType: [
    '"image", "float" or "latent"',
    (value) => value === "image" || value === "float" || value === "latent",
  ],
  onStep: FUNCTION,
};

/** Names of other libraries and commands. */
const MEANT: Readonly<Record<string, string>> = {
  steps: "numInferenceSteps",
  numSteps: "numInferenceSteps",
  guidance: "guidanceScale",
  cfg: "guidanceScale",
  cfgScale: "guidanceScale",
  n: "numImagesPerPrompt",
  images: "numImagesPerPrompt",
  numImages: "numImagesPerPrompt",
  batchSize: "numImagesPerPrompt",
  gateStep: "tgate: { gateStep }",
  negative: "negativePrompt",
  size: "width and height",
  mask: "maskImage",
  initImage: "image",
  sampler: "pipe.scheduler = schedulerNamed(…)",
  scheduler: "pipe.scheduler = schedulerNamed(…)",
  callback: "onStep",
  callbackOnStepEnd: "onStep",
  onProgress: "onStep",
  abortSignal: "signal",
};

/** Throws for options of a call that there are not, and for values of another type. */
export const checkCallOptions = (options: unknown): void =>
  checkOptions(options, "the call of a pipeline", KNOWN, MEANT);
