import type { ScaleInputs, ScaleNumbers } from "./inputs.ts";
import type { ScaleRecipe } from "./recipe.ts";

/** Weights, their average and AdamW's two moments, float32. */
const CHECKPOINT_BYTES_OF_PARAMETER = 4 * 4;
/** Mean and standard deviation, float32, of 4 channels per 8 × 8 pixels. */
const LATENT_BYTES_OF_PIXEL = (2 * 4 * 4) / 64;
/** T5-XXL's states in bfloat16. */
const BYTES_OF_TOKEN = 4096 * 2;

/** Bytes of a checkpoint of this package. */
export const checkpointBytes = (parameters: number): number =>
  parameters * CHECKPOINT_BYTES_OF_PARAMETER;

/** Bytes of a picture's latents in the feature cache. */
export const latentBytes = (resolution: number): number => resolution ** 2 * LATENT_BYTES_OF_PIXEL;

/** Bytes of a caption's states in the feature cache. */
export const captionBytes = (tokens: number): number => tokens * BYTES_OF_TOKEN;

/** The storage and encoding time of a data set. */
export interface DatasetStorage {
  readonly dataset: string;
  readonly pictures: number;
  /** Bytes of the pictures as files. */
  readonly raw: number;
  /** Tars of a GB. */
  readonly tars: number;
  readonly latents: readonly { readonly resolution: number; readonly bytes: number }[];
  readonly captions: number;
  /** Over all GPUs, without delays; 0 if the data set has no captions. */
  readonly captionHours: number;
  /** The same for the latents of all resolutions. */
  readonly latentHours: number;
}

/** Each data set of a recipe once: stages share captions, and latents if their resolutions are the same. */
export function storageOf(
  recipe: ScaleRecipe,
  inputs: ScaleInputs & ScaleNumbers,
): DatasetStorage[] {
  const names = [...new Set(recipe.stages.map(({ dataset }) => dataset))];
  return names.map((dataset): DatasetStorage => {
    const stages = recipe.stages.filter((stage) => stage.dataset === dataset);
    const captioned = stages.some((stage) => stage.captioned);
    const pictures = Math.max(...stages.map((stage) => stage.pictures));
    const raw = pictures * inputs.pictureKilobytes * 1e3;
    const resolutions = [...new Set(stages.map(({ resolution }) => resolution))];
    const hours = (perSecond: number): number => pictures / (perSecond * inputs.gpus * 3600);
    return {
      dataset,
      pictures,
      raw,
      tars: Math.ceil(raw / 1e9),
      latents: resolutions.map((resolution) => ({
        resolution,
        bytes: pictures * latentBytes(resolution),
      })),
      captions: captioned ? pictures * captionBytes(inputs.captionTokens) : 0,
      captionHours: captioned ? hours(inputs.captionsPerSecond) : 0,
      latentHours: resolutions.length * hours(inputs.latentsPerSecond),
    };
  });
}
