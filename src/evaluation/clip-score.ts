import { expected, IncompatibleError } from "../errors/index.ts";
import type { RgbImage } from "../images/index.ts";
import { CLIPModel } from "../models/clip/index.ts";
import type { PretrainedOptions } from "../models/index.ts";
import { CLIPTokenizer } from "../text/tokenizer/clip-tokenizer.ts";
import * as torch from "../torch/index.ts";
import { CLIPImageProcessor } from "./networks/clip-image-processor.ts";
import { AT_ONCE, pictureFeatures, rowsOf } from "./networks/picture-features.ts";

/** A CLIP, with its tokenizer and its image processor. */
export interface CLIP {
  readonly model: CLIPModel;
  readonly tokenizer: CLIPTokenizer;
  readonly processor: CLIPImageProcessor;
}

/** How well pictures match their prompts. */
export interface CLIPScore {
  /** For each picture: 100 times the cosine of its features and its prompt's, at least 0. */
  readonly scores: readonly number[];
  readonly mean: number;
  /** Number of prompts that CLIP truncated because they have too many tokens. */
  readonly truncated: number;
}

/**
 * Loads a CLIP with its tokenizer and its preprocessor from a folder of transformers, or from the Hub by its name, such as
 * `openai/clip-vit-base-patch32`. Throws like `loadPretrained`, and if the tokenizer belongs to another model.
 */
export async function loadCLIP(
  folderOrName: string,
  options: Pick<PretrainedOptions, "revision" | "dtype" | "device"> = {},
): Promise<CLIP> {
  const tokenizer = await CLIPTokenizer.fromPretrained(folderOrName, options);
  const processor = await CLIPImageProcessor.fromPretrained(folderOrName, options);
  const model = await CLIPModel.fromPretrained(folderOrName, options);
  const { vocabSize } = model.config.textConfig;
  if (tokenizer.vocabSize > vocabSize) {
    model.dispose();
    throw new IncompatibleError(
      `Expected a tokenizer of at most the model's ${vocabSize} tokens in ${folderOrName} but received one of ${tokenizer.vocabSize}`,
    );
  }
  return { model, tokenizer, processor };
}

/**
 * CLIPScore without a reference (Hessel et al. 2021, arXiv 2104.08718): how well each picture matches its prompt, as max(100 ·
 * cos, 0), which is torchmetrics' definition; the paper uses 2.5 instead of 100. Scores of different CLIPs can't be compared.
 * Throws unless there is one prompt per picture, and at least one.
 */
export async function clipScore(
  { model, tokenizer, processor }: CLIP,
  images: readonly RgbImage[],
  prompts: readonly string[],
): Promise<CLIPScore> {
  if (images.length === 0) throw expected("at least one picture", "images", "none");
  if (prompts.length !== images.length) {
    throw expected(`a prompt for each of ${images.length} pictures`, "prompts", prompts.length);
  }
  const { device } = model;
  const seen = await pictureFeatures(images, {
    fit: (image) => processor.fit(image),
    input: (bytes) => processor.input(bytes),
    features: (pictures) => model.imageFeatures(pictures.to({ device })),
  });
  const { maxPositionEmbeddings: maxLength } = model.config.textConfig;
  const read: Float32Array[] = [];
  let truncated = 0;
  for (let from = 0; from < prompts.length; from += AT_ONCE) {
    const encoded = tokenizer.encode(prompts.slice(from, from + AT_ONCE), { maxLength });
    truncated += encoded.truncated.length;
    const rows = torch.noGrad(() =>
      torch.tidy(() => {
        const ids = torch.fromTypedArray(encoded.inputIds, encoded.shape, { device });
        return rowsOf(model.textFeatures(ids));
      }),
    );
    read.push(...rows);
  }
  const scores = seen.map((row, i) => Math.max(100 * cosine(row, read[i] ?? row), 0));
  return clipScoreOf(scores, truncated);
}

/** The score of all these pictures together. */
export const clipScoreOf = (scores: readonly number[], truncated: number): CLIPScore => ({
  scores,
  mean: scores.reduce((sum, score) => sum + score, 0) / scores.length,
  truncated,
});

function cosine(a: Float32Array, b: Float32Array): number {
  let product = 0;
  for (const [i, value] of a.entries()) product += value * (b[i] ?? Number.NaN);
  return product / (Math.hypot(...a) * Math.hypot(...b));
}
