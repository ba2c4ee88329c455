import { randomInt } from "node:crypto";
import type { Generator, Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { hasResolutionBins, nearestResolutionBin, type PictureSize } from "./resolution-bins.ts";

/** What one call of the pipeline may be told. */
export interface PixArtAlphaOptions {
  /** What the picture is led away from; one for all prompts or one each. Default "", the trained unconditional. */
  readonly negativePrompt?: string | readonly string[];
  /** Default 20. */
  readonly numInferenceSteps?: number;
  /** How far each step goes beyond the unconditional prediction; 1 turns guidance off. Default 4.5. */
  readonly guidanceScale?: number;
  /** Default 1. */
  readonly numImagesPerPrompt?: number;
  /** In pixels; the transformer's own size where left out. */
  readonly width?: number;
  readonly height?: number;
  /**
   * The source of the noise: one that all pictures of the call draw from, as in diffusers, or one each. Where left
   * out, each picture has a seed of its own, told in its metadata.
   */
  readonly generator?: Generator | readonly Generator[];
  /** (B, C, H/f, W/f) noise to begin with, in place of drawn noise. */
  readonly latents?: Tensor;
  /**
   * Makes the picture at the trained size of the nearest aspect ratio, then resizes and crops it to the size asked
   * for. Default true where such sizes are known: transformers of sampleSize 32, 64 and 128 at 8 pixels a latent.
   */
  readonly useResolutionBinning?: boolean;
  /** Captions are lower-cased and trimmed; a deeper cleaning is not offered. */
  readonly cleanCaption?: false;
  /** Longest prompt in tokens, its end mark included. Default 120. */
  readonly maxSequenceLength?: number;
  /** Told what is odd but no error: a prompt that is too long. Default: a process warning, on stderr. */
  readonly onWarning?: (message: string) => void;
  /** Stops the call before its next step. */
  readonly signal?: AbortSignal;
}

/** Noise itself, or what draws it: one generator for all pictures or one each. */
export type NoiseSource = Tensor | Generator | readonly Generator[];

/** A request whose every value is known and fits the pipeline. */
export interface PixArtAlphaRequest {
  readonly prompts: readonly string[];
  /** One a prompt. */
  readonly negativePrompts: readonly string[];
  readonly numImagesPerPrompt: number;
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
  /** What the pictures are made at. */
  readonly size: PictureSize;
  /** What they are returned at. */
  readonly outputSize: PictureSize;
  /** [B, C, H/f, W/f] */
  readonly latentShape: readonly number[];
  readonly noise: NoiseSource;
  readonly maxSequenceLength: number;
  readonly onWarning: (message: string) => void;
  readonly signal: AbortSignal | undefined;
}

/** What of a pipeline decides which requests it can serve. */
export interface PipelineLimits {
  /** Side of the latent picture that the transformer is made for. */
  readonly sampleSize: number;
  /** Side of a transformer's patch in latent pixels. */
  readonly patchSize: number;
  readonly latentChannels: number;
  /** Pixels on a side of a latent pixel. */
  readonly vaeScaleFactor: number;
}

/** Fills in what `options` leaves out. Throws on the first value that no picture can be made of. */
export function resolveRequest(
  prompt: string | readonly string[],
  options: PixArtAlphaOptions,
  limits: PipelineLimits,
): PixArtAlphaRequest {
  const {
    negativePrompt = "",
    numInferenceSteps = 20,
    guidanceScale = 4.5,
    numImagesPerPrompt = 1,
    cleanCaption = false,
    maxSequenceLength = 120,
    onWarning = (message) => process.emitWarning(message),
    signal,
  } = options;
  const prompts = checkTexts("prompt", typeof prompt === "string" ? [prompt] : prompt);
  const negatives =
    typeof negativePrompt === "string" ? prompts.map(() => negativePrompt) : negativePrompt;
  checkTexts("negativePrompt", negatives);
  if (negatives.length !== prompts.length) {
    throw expected(`${prompts.length} texts, one a prompt,`, "negativePrompt", negatives.length);
  }
  checkCount("numInferenceSteps", numInferenceSteps);
  checkCount("numImagesPerPrompt", numImagesPerPrompt);
  checkCount("maxSequenceLength", maxSequenceLength);
  if (!(guidanceScale >= 1 && Number.isFinite(guidanceScale))) {
    throw expected("a number of at least 1 (no guidance)", "guidanceScale", guidanceScale);
  }
  if (cleanCaption !== false) throw expected("false", "cleanCaption", cleanCaption);
  const sizes = resolveSizes(options, limits);
  const shape = [
    prompts.length * numImagesPerPrompt,
    limits.latentChannels,
    sizes.size.height / limits.vaeScaleFactor,
    sizes.size.width / limits.vaeScaleFactor,
  ];
  return {
    prompts,
    negativePrompts: negatives,
    numImagesPerPrompt,
    numInferenceSteps,
    guidanceScale,
    ...sizes,
    latentShape: shape,
    noise: resolveNoise(options, shape),
    maxSequenceLength,
    onWarning,
    signal,
  };
}

function resolveSizes(
  { width, height, useResolutionBinning }: PixArtAlphaOptions,
  { sampleSize, patchSize, vaeScaleFactor }: PipelineLimits,
): { size: PictureSize; outputSize: PictureSize } {
  const native = sampleSize * vaeScaleFactor;
  const outputSize = { width: width ?? native, height: height ?? native };
  for (const [name, value] of Object.entries(outputSize)) checkCount(name, value);
  if (useResolutionBinning ?? hasResolutionBins(sampleSize, vaeScaleFactor)) {
    return { size: nearestResolutionBin(outputSize, sampleSize), outputSize };
  }
  const multiple = vaeScaleFactor * patchSize;
  for (const [name, value] of Object.entries(outputSize)) {
    if (value % multiple === 0) continue;
    const nearest = Math.max(Math.round(value / multiple), 1) * multiple;
    throw new Error(
      `Expected a multiple of ${multiple} for ${name} but received ${value}. The nearest is ${nearest}.`,
    );
  }
  return { size: outputSize, outputSize };
}

function resolveNoise(
  { generator, latents }: PixArtAlphaOptions,
  shape: readonly number[],
): NoiseSource {
  const count = shape[0] ?? 0;
  if (latents !== undefined) {
    if (latents.shape.join() !== shape.join()) {
      throw expected(`the shape [${shape.join(", ")}]`, "latents", `[${latents.shape.join(", ")}]`);
    }
    return latents;
  }
  if (generator === undefined) {
    const first = randomInt(2 ** 32);
    return Array.from({ length: count }, (_, index) => torch.generator(first + index));
  }
  if (Array.isArray(generator) && generator.length !== count) {
    throw expected(`${count} generators, one a picture,`, "generator", generator.length);
  }
  return generator;
}

function checkTexts(name: string, texts: readonly string[]): readonly string[] {
  const isList = Array.isArray(texts) && texts.length > 0;
  if (!isList || texts.some((text) => typeof text !== "string")) {
    throw expected("a text or a list of texts", name, JSON.stringify(texts));
  }
  return texts;
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) throw expected("a positive integer", name, value);
}

const expected = (what: string, name: string, received: unknown): Error =>
  new Error(`Expected ${what} for ${name} but received ${received}`);
