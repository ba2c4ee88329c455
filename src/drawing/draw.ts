import type { PixArtAlphaCallOptions, PixArtAlphaPipeline } from "../pipelines/index.ts";
import { schedulerNamed } from "../schedulers/index.ts";
import type {
  DrawImages,
  DrawnPicture,
  DrawOrder,
  DrawSettings,
} from "../server/engine/engine-messages.ts";
import type { Tensor } from "../torch/index.ts";
import { applyAdapters } from "./adapters.ts";
import { measurePrompt } from "./measure-prompt.ts";
import { pictureOf, rawPicture } from "./raw-picture.ts";

/** Progress of a drawing. */
export interface DrawProgress {
  readonly step: number;
  readonly total: number;
  /** (B, C, h, w) without noise, as estimated by the model at this step. Valid until the call returns. */
  readonly original: Tensor;
}

/** Callbacks and signals during a drawing. */
export interface DrawHooks {
  readonly onStep?: (progress: DrawProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Draws the pictures of an order together. Afterwards the pipeline has its own sampler again; the adapters stay as the order sets
 * them, since every order sets all of them.
 */
export async function draw(
  pipe: PixArtAlphaPipeline,
  { pictures, settings, images }: Omit<DrawOrder, "id" | "model">,
  { onStep, signal }: DrawHooks = {},
): Promise<DrawnPicture[]> {
  const own = pipe.scheduler;
  if (settings.scheduler !== undefined)
    pipe.scheduler = schedulerNamed(settings.scheduler, own.toConfig());
  try {
    applyAdapters(pipe, settings.adapters);
    const result = await pipe(
      pictures.map(({ prompt }) => prompt),
      {
        ...callOptions(settings, images),
        negativePrompt: pictures.map(({ negativePrompt }) => negativePrompt),
        seed: pictures.map(({ seed }) => seed),
        onWarning: () => {}, // each picture's own warnings are measured below
        ...(onStep !== undefined && { onStep: (step) => onStep(step) }),
        ...(signal !== undefined && { signal }),
      },
    );
    return result.images.map((image, i) => ({
      ...rawPicture(image),
      metadata: image.metadata,
      ...measurePrompt(pipe, pictures[i]?.prompt ?? "", settings),
    }));
  } finally {
    pipe.scheduler = own;
  }
}

/** A call's options, without undefined ones. */
function callOptions(settings: DrawSettings, images: DrawImages): PixArtAlphaCallOptions<"image"> {
  const { eta, maxSequenceLength, cleanCaption } = settings;
  const { image, mask, strength, controlImage } = images;
  return {
    numInferenceSteps: settings.steps,
    guidanceScale: settings.guidanceScale,
    width: settings.width,
    height: settings.height,
    useResolutionBinning: false, // the server has chosen the size
    ...(eta !== undefined && { eta }),
    ...(maxSequenceLength !== undefined && { maxSequenceLength }),
    ...(cleanCaption !== undefined && { cleanCaption }),
    ...(image !== undefined && { image: pictureOf(image) }),
    ...(mask !== undefined && { maskImage: pictureOf(mask) }),
    ...(strength !== undefined && { strength }),
    ...(controlImage !== undefined && { controlImage: pictureOf(controlImage) }),
  };
}
