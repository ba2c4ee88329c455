import type { ResolvedStage } from "../../config/index.ts";
import type { RgbImage } from "../../images/index.ts";
import { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import * as torch from "../../torch/index.ts";
import type { SampleSheet } from "../contract/stage-task.ts";
import type { TextToImageParts } from "./text-to-image-parts.ts";

/** The run's prompts as a text-to-image stage draws them now; under a ControlNet also what they follow. */
export async function textToImageSamples(
  { resolution }: Pick<ResolvedStage<"text-to-image">, "resolution">,
  parts: TextToImageParts,
  signal?: AbortSignal,
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
    generator: torch.generator(seed),
    useResolutionBinning: false,
    maxSequenceLength: config.tokenizer.maxLength,
    cleanCaption: config.dataset.cleanCaptions, // as the captions that it learns from
    ...(controlImage.length > 0 && { controlImage }),
    ...(signal !== undefined && { signal }),
  });
  return {
    images: [...controlImage, ...images],
    labels: [...controlImage.map(() => "to follow"), ...prompts],
  };
}

/** What samples follow, one a prompt: of held-out pictures, or of the first ones. */
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
