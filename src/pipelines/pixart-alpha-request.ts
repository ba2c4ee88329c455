import { randomInt } from "node:crypto";
import { totalmem } from "node:os";
import { expected, expectedNo, expectedType, InvalidValueError } from "../errors/index.ts";
import type { RgbImage } from "../images/index.ts";
import type { NoiseSource, Scheduler } from "../schedulers/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { checkCount, shownValue } from "./checks/shown-value.ts";
import {
  checkStepGuidance,
  type GuidanceBranches,
  type GuidanceInterval,
  type TgateOptions,
} from "./guidance.ts";
import { checkCallOptions, type PixArtAlphaOptions } from "./pixart-alpha-options.ts";
import { type RequestTexts, resolveTexts } from "./prompts/request-texts.ts";
import type { SamplingDefaults } from "./sampling-defaults.ts";
import { type ImageStart, resolveControlImages, resolveImageStart } from "./sizes/image-inputs.ts";
import {
  hasResolutionBins,
  nearestResolutionBin,
  type PictureSize,
} from "./sizes/resolution-bins.ts";

/** A request with every value resolved and checked against the pipeline, and planned with its sampler. */
export interface PixArtAlphaRequest extends ResolvedCall {
  /** The pipeline's when the call was made: replacing that changes no call in progress. Is copied for each use. */
  readonly scheduler: Scheduler;
  /** How many of its first timesteps are skipped because a picture starts with less noise. */
  readonly skippedTimesteps: number;
}

/** The options of a call with every value resolved and checked against the pipeline. */
export interface ResolvedCall {
  readonly texts: RequestTexts;
  readonly numImagesPerPrompt: number;
  readonly numInferenceSteps: number;
  /** Instead of those that the sampler would choose for the number of steps. */
  readonly timesteps: readonly number[] | undefined;
  readonly sigmas: readonly number[] | undefined;
  readonly guidanceScale: number;
  readonly guidanceInterval: GuidanceInterval | undefined;
  readonly tgate: TgateOptions | undefined;
  readonly eta: number;
  /** The size the pictures are drawn at. */
  readonly size: PictureSize;
  /** The size the pictures are returned at. */
  readonly outputSize: PictureSize;
  readonly useResolutionBinning: boolean;
  /** [B, C, H/f, W/f] */
  readonly latentShape: readonly number[];
  /** The caller's noise instead of drawn noise. */
  readonly latents: Tensor | undefined;
  /** Draws the initial noise, and what stochastic samplers add. Readers of the given ones, used by this request alone. */
  readonly generator: NoiseSource;
  /** What to start from, if not noise alone. */
  readonly start: ImageStart | undefined;
  /** Pictures to follow: one, or one per prompt. */
  readonly controlImages: readonly RgbImage[] | undefined;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal | undefined;
  readonly branches: GuidanceBranches | undefined;
}

/** The properties of a pipeline that limit which requests it can serve and give their defaults. */
export interface PipelineLimits {
  /** Side of the latent picture that the transformer is made for. */
  readonly sampleSize: number;
  /** Side of a transformer's patch in latent pixels. */
  readonly patchSize: number;
  readonly latentChannels: number;
  /** Width of the text encoder's states; null if the transformer projects none. */
  readonly captionChannels: number | null;
  /** Pixels on a side of a latent pixel. */
  readonly vaeScaleFactor: number;
  /** Longest prompt, in tokens, that the transformer was trained with. */
  readonly maxSequenceLength: number;
  readonly hasControlNet: boolean;
  /** For options that are not given. */
  readonly defaults: SamplingDefaults;
  /**
   * How many steps the sampler takes through noise levels: for some the last level is only where they end. Throws if it takes no
   * levels.
   */
  readonly stepsThrough: (sigmas: readonly number[]) => number;
}

/** Any drawn picture can be read again: this is the limit of RgbImage's decoder. */
const MOST_PIXELS = 64e6;

/** Fills in the defaults. Throws on the first value that no picture can be made of. */
export function resolveRequest(
  prompt: string | readonly string[] | null,
  options: PixArtAlphaOptions,
  limits: PipelineLimits,
): ResolvedCall {
  checkCallOptions(options);
  const {
    timesteps,
    sigmas,
    numInferenceSteps = timesteps?.length ??
      (sigmas && limits.stepsThrough(sigmas)) ??
      limits.defaults.numInferenceSteps,
    guidanceScale = limits.defaults.guidanceScale,
    guidanceInterval,
    tgate,
    eta = 0,
    numImagesPerPrompt = 1,
    onWarning = (message) => process.emitWarning(message),
    signal,
    branches,
  } = options;
  const texts = resolveTexts(prompt, options, limits);
  checkCount("numInferenceSteps", numInferenceSteps);
  checkCount("numImagesPerPrompt", numImagesPerPrompt);
  if (timesteps !== undefined && sigmas !== undefined)
    throw expectedNo("sigmas", "together with timesteps", sigmas);
  if (timesteps !== undefined && timesteps.length !== numInferenceSteps) {
    throw expected(
      `${timesteps.length} (the timesteps given)`,
      "numInferenceSteps",
      numInferenceSteps,
    );
  }
  const through = sigmas && limits.stepsThrough(sigmas);
  if (through !== undefined && through !== numInferenceSteps) {
    throw expected(`${through} (the noise levels given)`, "numInferenceSteps", numInferenceSteps);
  }
  if (!Number.isFinite(guidanceScale)) throw expected("a number", "guidanceScale", guidanceScale);
  checkStepGuidance({ guidanceInterval, tgate }, guidanceScale);
  if (!(eta >= 0 && eta <= 1)) throw expected("a number from 0 to 1", "eta", eta);
  const start = resolveImageStart(options, texts.count);
  const controlImages = resolveControlImages(options, texts.count, limits.hasControlNet);
  for (const [name, given] of Object.entries({ controlImage: controlImages, branches })) {
    if (tgate !== undefined && given !== undefined)
      throw expectedNo(name, "together with tgate", shownValue(given));
  }
  const sizes = resolveSizes(options, (start?.images ?? controlImages)?.[0], limits, onWarning);
  const count = texts.count * numImagesPerPrompt;
  const latentShape = [
    count,
    limits.latentChannels,
    sizes.size.height / limits.vaeScaleFactor,
    sizes.size.width / limits.vaeScaleFactor,
  ];
  requirePicturesFit(count, sizes);
  checkLatents(options.latents, latentShape);
  return {
    texts,
    numImagesPerPrompt,
    numInferenceSteps,
    timesteps,
    sigmas,
    guidanceScale,
    guidanceInterval,
    tgate,
    eta,
    ...sizes,
    latentShape,
    latents: options.latents,
    generator: resolveGenerator(options, count),
    start,
    controlImages,
    onWarning,
    signal,
    branches,
  };
}

function resolveSizes(
  options: PixArtAlphaOptions,
  given: PictureSize | undefined,
  { sampleSize, patchSize, vaeScaleFactor }: PipelineLimits,
  onWarning: (message: string) => void,
): Pick<PixArtAlphaRequest, "size" | "outputSize" | "useResolutionBinning"> {
  const native = sampleSize * vaeScaleFactor;
  const useResolutionBinning =
    options.useResolutionBinning ?? hasResolutionBins(sampleSize, vaeScaleFactor);
  const multiple = vaeScaleFactor * patchSize;
  const fitted = given && !useResolutionBinning ? roundedDown(given, multiple) : given;
  const outputSize = {
    width: options.width ?? fitted?.width ?? native,
    height: options.height ?? fitted?.height ?? native,
  };
  for (const [name, value] of Object.entries(outputSize)) checkCount(name, value);
  if (outputSize.width * outputSize.height > MOST_PIXELS) {
    const sides = `${outputSize.width} and ${outputSize.height}`;
    throw expected(`at most ${MOST_PIXELS / 1e6} megapixels`, "width and height", sides);
  }
  if (useResolutionBinning) {
    return { size: nearestResolutionBin(outputSize, sampleSize), outputSize, useResolutionBinning };
  }
  for (const [name, value] of Object.entries(outputSize)) {
    if (value % multiple === 0) continue;
    const nearest = Math.max(Math.round(value / multiple), 1) * multiple;
    throw new InvalidValueError(
      `Expected a multiple of ${multiple} for ${name} but received ${value}. The nearest is ${nearest}.`,
    );
  }
  const isRounded = (["width", "height"] as const).some(
    (side) =>
      options[side] === undefined && given !== undefined && given[side] !== outputSize[side],
  );
  if (given && isRounded) {
    onWarning(
      `Drawing at ${outputSize.width}x${outputSize.height} from a picture of ${given.width}x${given.height}: sides are multiples of ${multiple}. Give width and height for another size`,
    );
  }
  return { size: outputSize, outputSize, useResolutionBinning };
}

/** Throws if a call's decoded pictures, three float32 numbers per pixel, exceed the machine's memory. */
function requirePicturesFit(
  count: number,
  { size, outputSize }: Pick<PixArtAlphaRequest, "size" | "outputSize">,
): void {
  const pixels = Math.max(size.width * size.height, outputSize.width * outputSize.height);
  const most = Math.floor(totalmem() / (12 * pixels));
  if (count <= most) return;
  const where = `${outputSize.width}x${outputSize.height}`;
  throw expected(
    `at most ${most} pictures of ${where} at once, which is what fits in this machine's memory,`,
    "the number of prompts times numImagesPerPrompt",
    count,
  );
}

/** As diffusers' VaeImageProcessor rounds a picture's sides, but never to 0. */
const roundedDown = ({ width, height }: PictureSize, multiple: number): PictureSize => {
  const side = (length: number): number => Math.max(Math.floor(length / multiple), 1) * multiple;
  return { width: side(width), height: side(height) };
};

function checkLatents(latents: Tensor | undefined, shape: readonly number[]): void {
  if (latents === undefined || latents.shape.join() === shape.join()) return;
  throw expected(`the shape [${shape.join(", ")}]`, "latents", `[${latents.shape.join(", ")}]`);
}

/** Generators for the pictures of a call: readers of the given ones, or new ones from given or freshly drawn seeds. */
function resolveGenerator(
  { generator, seed }: Pick<PixArtAlphaOptions, "generator" | "seed">,
  count: number,
): NoiseSource {
  if (generator === undefined) {
    return seedsOf(seed ?? randomInt(2 ** 32), count).map((each) => torch.generator(each));
  }
  if (seed !== undefined) {
    throw expectedNo("seed", "together with generator", shownValue(seed));
  }
  if (generator instanceof torch.Generator) return generator.reader();
  if (!Array.isArray(generator) || !generator.every((each) => each instanceof torch.Generator)) {
    const advice = typeof generator === "number" ? `; for a seed, give { seed: ${generator} }` : "";
    const what = "a torch.Generator, or a list with one per picture,";
    throw expectedType(what, "generator", `${shownValue(generator)}${advice}`);
  }
  if (generator.length !== count)
    throw expected(`${count} generators, one per picture,`, "generator", generator.length);
  return generator.map((each) => each.reader());
}

/** One per picture. Metadata holds seeds as numbers, which are exact up to 2**53. */
function seedsOf(seed: number | readonly number[], count: number): number[] {
  const seeds =
    typeof seed === "number" ? Array.from({ length: count }, (_, index) => seed + index) : seed;
  const areSeeds =
    Array.isArray(seeds) && seeds.every((each) => Number.isSafeInteger(each) && each >= 0);
  if (!areSeeds) {
    throw expected(
      "a whole number from 0 to 2**53 - 1, or one per picture,",
      "seed",
      shownValue(seed),
    );
  }
  if (seeds.length !== count)
    throw expected(`${count} seeds, one per picture,`, "seed", seeds.length);
  return seeds;
}
