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

/** Options of a call that decide what is drawn. */
export interface PixArtAlphaOptions extends PromptOptions, ImageOptions {
  /** Default 20. */
  readonly numInferenceSteps?: number;
  /** The timesteps to go through, noisiest first, in place of a number of steps. */
  readonly timesteps?: readonly number[];
  /**
   * The noise levels σ to go through, in place of a number of steps, for samplers that take them: `EulerDiscreteScheduler`, where
   * the last is what the last step arrives at, and `UniPCMultistepScheduler` over a flow's levels.
   */
  readonly sigmas?: readonly number[];
  /** How far each step goes beyond the unconditional prediction; up to 1 there is no guidance. Default 4.5. */
  readonly guidanceScale?: number;
  /** The part of the steps that is guided: `[0, 0.5]` is the first half. Default all. */
  readonly guidanceInterval?: GuidanceInterval;
  /** Fewer attentions than steps, at some change of the picture; off by default. Not beside `guidanceInterval`, `controlImage` or `branches`. */
  readonly tgate?: TgateOptions;
  /** η of DDIM and TCD, which other samplers don't read: 0 is deterministic, 1 has DDPM's noise. Default 0. */
  readonly eta?: number;
  /** Default 1. */
  readonly numImagesPerPrompt?: number;
  /**
   * In pixels; where left out those of `image` or `controlImage`, rounded down to what the model can draw, or the
   * transformer's own.
   */
  readonly width?: number;
  readonly height?: number;
  /**
   * Where the noise begins: the seed of the first picture, of which each further one takes the next, as with `pixart sample
   * --seed`; or one a picture. Not beside `generator`, which it stands for: `seed: 7` is `torch.generator(7)`.
   */
  readonly seed?: number | readonly number[];
  /**
   * The source of the noise: one that all pictures of the call draw from, as in diffusers, or one each. Where left
   * out, each picture has a seed of its own, told in its metadata.
   */
  readonly generator?: NoiseSource;
  /** (B, C, H/f, W/f) noise to begin with, in place of drawn noise. */
  readonly latents?: Tensor;
  /**
   * Makes the picture at the trained size of the nearest aspect ratio, then resizes and crops it to the size asked
   * for. Default true where such sizes are known: transformers of sampleSize 32, 64, 128 and 256 at 8 pixels a latent.
   */
  readonly useResolutionBinning?: boolean;
  /** Told what is odd but no error: a prompt that is too long, a picture whose size cannot be drawn. Default: a process warning, on stderr. */
  readonly onWarning?: (message: string) => void;
  /** Stops the call before its next step. */
  readonly signal?: AbortSignal;
  /** Where two processes predict together: both make the same call, and both get the pictures. */
  readonly branches?: GuidanceBranches;
}

/** What each `outputType` gives. */
export interface PixArtAlphaOutputs {
  /** Finished pictures. */
  readonly image: readonly GeneratedImage[];
  /** (B, 3, H, W) in [0, 1], not rounded to 8 bits. */
  readonly float: Tensor;
  /** (B, C, H/f, W/f) before decoding. */
  readonly latent: Tensor;
}

/** Options of a whole call, with what comes of it. */
export interface PixArtAlphaCallOptions<T extends keyof PixArtAlphaOutputs>
  extends PixArtAlphaOptions {
  /** Default "image". */
  readonly outputType?: T;
  /** Told after every step; the call waits for it. */
  readonly onStep?: (step: DenoiseStep) => void | Promise<void>;
}

/** What a call gives, in the order of the prompts and, for each, of its pictures. */
export interface PixArtAlphaOutput<T extends keyof PixArtAlphaOutputs> {
  readonly images: PixArtAlphaOutputs[T];
}

/** How far a call is: after each step of its denoising. */
export interface DenoiseStep {
  /** Counted from 1. */
  readonly step: number;
  readonly total: number;
  readonly timestep: number;
  /** (B, C, H/f, W/f). Valid until the next step is asked for; those of the last step are the caller's to dispose. */
  readonly latents: Tensor;
  /** (B, C, H/f, W/f): what the model takes for the picture at this step, without noise. Valid until the next step is asked for. */
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
