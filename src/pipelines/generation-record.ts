import type { PictureMetadata } from "../images/index.ts";
import * as torch from "../torch/index.ts";
import { completeTgate } from "./guidance.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import { isEncoded } from "./prompts/request-texts.ts";

/** The files that a transformer came from: a name for people, and a hash of the weights. */
export interface WeightsSource {
  readonly name: string;
  readonly hash: () => Promise<string>;
}

/** Named weights whose hash is computed on first use, and again if that failed. */
export function weightsSource(name: string, compute: () => Promise<string>): WeightsSource {
  let hash: Promise<string> | undefined;
  return {
    name,
    hash: () => {
      hash ??= compute().catch((error: unknown) => {
        hash = undefined;
        throw error;
      });
      return hash;
    },
  };
}

/** The part of a record that says which weights drew: those of a {@link WeightsSource}, how they were read, and the adapters. */
export type WeightsRecord = Pick<
  PictureMetadata,
  "model" | "modelHash" | "dtype" | "quantize" | "adapters"
>;

/**
 * How each picture of a finished request was made. Undefined if no record could reproduce it: the noise was given or has no seed,
 * its generator has drawn something else, or the prompt came encoded. `describeWeights` is called only for a record, because it
 * may have to read the weights.
 */
export async function generationRecords(
  request: PixArtAlphaRequest,
  sampler: string,
  describeWeights: () => Promise<WeightsRecord>,
): Promise<(PictureMetadata | undefined)[]> {
  const { texts, numImagesPerPrompt, generator, start, controlImages } = request;
  const { positive, negative } = texts;
  const count = texts.count * numImagesPerPrompt;
  const seeds = Array.from({ length: count }, (_, index) => seedOf(request, index));
  if (isEncoded(positive) || isEncoded(negative) || seeds.every((seed) => seed === undefined))
    return [];
  const weights = await describeWeights();
  // A picture from a generator that drew others before it can only be reproduced together with them.
  const isShared = generator instanceof torch.Generator && count > 1;
  return seeds.map((seed, index) => {
    if (seed === undefined) return undefined;
    const row = Math.floor(index / numImagesPerPrompt);
    return {
      prompt: positive[row] ?? "",
      negativePrompt: negative[row] ?? "",
      steps: request.numInferenceSteps,
      sampler,
      guidanceScale: request.guidanceScale,
      seed,
      ...weights,
      extra: {
        cleanCaption: texts.cleanCaption,
        useResolutionBinning: request.useResolutionBinning,
        maxSequenceLength: texts.maxSequenceLength,
        ...(request.timesteps && { timesteps: [...request.timesteps] }),
        ...(request.sigmas && { sigmas: [...request.sigmas] }),
        ...(request.guidanceInterval && { guidanceInterval: [...request.guidanceInterval] }),
        ...(request.tgate && { tgate: completeTgate(request.tgate) }),
        ...(request.eta > 0 && { eta: request.eta }),
        ...(start && {
          strength: start.strength,
          from: start.mask ? "picture and mask" : "picture",
        }),
        ...(controlImages && { controlImage: true }),
        ...(isShared && { batchIndex: index, batchSize: count }),
      },
    };
  });
}

/** The seed that reproduces a picture's noise on any machine. Metadata can hold those up to 2**53 - 1. */
function seedOf(
  { generator, latents }: Pick<PixArtAlphaRequest, "generator" | "latents">,
  index: number,
): number | undefined {
  const own = generator instanceof torch.Generator ? generator : generator[index];
  if (latents !== undefined || own?.hasDrawnAll !== true || own.device !== "cpu") return undefined;
  const seed = Number(own.seed);
  return Number.isSafeInteger(seed) ? seed : undefined;
}
