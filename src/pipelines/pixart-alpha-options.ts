import { RgbImage } from "../images/index.ts";
import type { NoiseSource } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import {
  checkOptions,
  isBoolean,
  isFunction,
  isNumber,
  isObject,
  type OptionCheck,
} from "./checks/known-options.ts";
import type { GeneratedImage } from "./generated-image.ts";
import type { GuidanceBranches, GuidanceInterval, TgateOptions } from "./guidance.ts";
import type { PromptOptions } from "./prompts/request-texts.ts";
import type { ImageOptions } from "./sizes/image-inputs.ts";

// Shapes: B pictures, C latent channels, H and W picture size in pixels, f pixels on a side of a latent pixel.

/** The options of a call that decide what is drawn. */
export interface PixArtAlphaOptions extends PromptOptions, ImageOptions {
  /** Default: the model's own, or 20. */
  readonly numInferenceSteps?: number;
  /** The timesteps of the steps, noisiest first, instead of a number of steps. */
  readonly timesteps?: readonly number[];
  /**
   * The noise levels σ of the steps, instead of a number of steps. For samplers that take them: `EulerDiscreteScheduler`, whose
   * last step ends at the last level, and `UniPCMultistepScheduler` with a flow's levels.
   */
  readonly sigmas?: readonly number[];
  /** How far each step goes beyond the unconditional prediction; 1 or less turns guidance off. Default: the model's own, or 4.5. */
  readonly guidanceScale?: number;
  /** The part of the steps that is guided: `[0, 0.5]` is the first half. Default all. */
  readonly guidanceInterval?: GuidanceInterval;
  /**
   * Computes attention at fewer steps, which changes the picture a little; off by default. Not together with `guidanceInterval`,
   * `controlImage` or `branches`.
   */
  readonly tgate?: TgateOptions;
  /** η of DDIM and TCD, ignored by other samplers: 0 is deterministic, 1 has DDPM's noise. Default 0. */
  readonly eta?: number;
  /** Default 1. */
  readonly numImagesPerPrompt?: number;
  /** In pixels. Default: that of `image` or `controlImage`, rounded down to what the model can draw, or the transformer's own. */
  readonly width?: number;
  readonly height?: number;
  /**
   * Seed of the noise: that of the first picture, with each further picture taking the next number, as with `pixart sample
   * --seed`; or one per picture. Whole numbers from 0 to 2^53 - 1. `seed: 7` is short for `generator: torch.generator(7)`; give
   * one of the two. A seed gives the same picture, to the last byte, on the same processor with the same number of threads
   * (docs/numerics.md).
   */
  readonly seed?: number | readonly number[];
  /**
   * Source of the noise: one that all pictures of the call draw from, as in diffusers, or one per picture. Default: each picture
   * has a seed of its own, recorded in its metadata. The seed of a generator is recorded if it is on the CPU and drew nothing else.
   */
  readonly generator?: NoiseSource;
  /**
   * (B, C, H/f, W/f) standard normal noise to start from, instead of drawn noise, on any device and in any floating-point dtype.
   * Like drawn noise, it is multiplied by the sampler's `initNoiseSigma`; with `image`, it is the noise that is added to that.
   * Remains the caller's. The pictures then have no metadata.
   */
  readonly latents?: Tensor;
  /**
   * Draws at the trained size of the nearest aspect ratio, then resizes and crops to the requested size. Default true if such
   * sizes are known: for transformers of sampleSize 32, 64, 128, 256 and 360 at 8 pixels per latent.
   */
  readonly useResolutionBinning?: boolean;
  /**
   * Called for what is odd but no error: a prompt that is too long, a size that can't be drawn. Default: a process warning on
   * stderr.
   */
  readonly onWarning?: (message: string) => void;
  /** Stops the call before its next step. */
  readonly signal?: AbortSignal;
  /** If two processes predict together. Both make the same call, and both get the pictures. */
  readonly branches?: GuidanceBranches;
}

/** The results by `outputType`. */
export interface PixArtAlphaOutputs {
  /** Finished pictures. */
  readonly image: readonly GeneratedImage[];
  /** (B, 3, H, W) in [0, 1], not rounded to 8 bits. */
  readonly float: Tensor;
  /** (B, C, H/f, W/f) before decoding. */
  readonly latent: Tensor;
}

/** Options of a whole call, including its output and callbacks. */
export interface PixArtAlphaCallOptions<T extends keyof PixArtAlphaOutputs>
  extends PixArtAlphaOptions {
  /** Default "image". */
  readonly outputType?: T;
  /** Called after every step; the call waits for it. */
  readonly onStep?: (step: DenoiseStep) => void | Promise<void>;
}

/** The result of a call, in the order of the prompts and, for each, of its pictures. */
export interface PixArtAlphaOutput<T extends keyof PixArtAlphaOutputs> {
  readonly images: PixArtAlphaOutputs[T];
}

/** The progress of a call after one denoising step. */
export interface DenoiseStep {
  /** Counted from 1. */
  readonly step: number;
  readonly total: number;
  readonly timestep: number;
  /** (B, C, H/f, W/f). Valid until the next step is requested; the caller disposes those of the last step. */
  readonly latents: Tensor;
  /** (B, C, H/f, W/f): the model's estimate of the picture without noise at this step. Valid until the next step is requested. */
  readonly original: Tensor;
}

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

/** Every option of a call. The compiler keeps this list complete. */
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

/** Names used by other libraries and commands. */
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

/** Throws for unknown options of a call, and for values of the wrong type. */
export const checkCallOptions = (options: unknown): void =>
  checkOptions(options, "the call of a pipeline", KNOWN, MEANT);
