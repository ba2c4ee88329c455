import type { ResolvedStage } from "../../config/index.ts";
import type { RgbImage } from "../../images/index.ts";
import { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import type { OnProgress, SampleSheet } from "../contract/stage-task.ts";
import type { TextToImageParts } from "./text-to-image-parts.ts";

/** How samples are drawn. */
interface SampleOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** The run's prompts, drawn with a text-to-image stage's current weights; with a ControlNet, also their control pictures. */
export async function textToImageSamples(
  { resolution }: Pick<ResolvedStage<"text-to-image">, "resolution">,
  parts: TextToImageParts,
  { signal, onProgress }: SampleOptions = {},
): Promise<SampleSheet> {
  const { transformer, control, captions, tokenizer, vae, scheduler, config } = parts;
  const { prompts, steps, guidanceScale, seed } = config.sampling;
  const controlImage = await shownControls(parts, prompts.length);
  const pipe = PixArtAlphaPipeline.create({
    transformer,
    controlnet: control?.controlnet,
    textEncoder: captions.encoder,
    tokenizer,
    vae,
    scheduler,
  });
  const { images } = await pipe([...prompts], {
    width: resolution,
    height: resolution,
    numInferenceSteps: steps,
    guidanceScale,
    seed, // consecutive seeds, one per prompt, so that any picture can be drawn alone
    useResolutionBinning: false,
    maxSequenceLength: config.tokenizer.maxLength,
    cleanCaption: config.dataset.cleanCaptions, // like the captions it is trained on
    ...(controlImage.length > 0 && { controlImage }),
    ...(signal !== undefined && { signal }),
    onStep: ({ step, total }) => onProgress?.(step, total),
  });
  return {
    images: [...controlImage, ...images],
    labels: [...controlImage.map(() => "to follow"), ...prompts],
    drawn: images.map((image, i) => ({ image, prompt: prompts[i] ?? "", seed: seed + i })),
  };
}

/** Control pictures for the samples, one per prompt: of held-out pictures, or else of the first ones. */
async function shownControls(
  { control, examples }: Pick<TextToImageParts, "control" | "examples">,
  count: number,
): Promise<RgbImage[]> {
  if (control === undefined) return [];
  const split = examples.heldout.length > 0 ? "heldout" : "train";
  const all = examples[split];
  const shown = Array.from({ length: count }, (_, i) => all[i % all.length] ?? []).flat();
  return Promise.all(shown.map((example) => control.latents[split].square(example)));
}
