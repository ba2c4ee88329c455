import { randomOrder } from "../../src/evaluation/distances/random-order.ts";
import { prepareCaption } from "../../src/text/index.ts";
import * as torch from "../../src/torch/index.ts";
import { diTForward, pixArtForward, textEncoderForward, withBackward } from "../flops.ts";
import { mean } from "../measure.ts";
import type { Design, Part } from "./design.ts";
import type { LabData } from "./prepare.ts";

/** Of a caption, `</s>` included. */
export const MAX_TOKENS = 64;
/** Batches that captions' padding is averaged over. */
const SAMPLED = 256;

/** The lab's models: the demo's, small enough that a run takes minutes. */
export const TRANSFORMER = {
  numLayers: 6,
  numAttentionHeads: 3,
  attentionHeadDim: 64,
  patchSize: 2,
};
export const TEXT_ENCODER = { dModel: 128, dKv: 32, numHeads: 4, dFf: 256, numLayers: 2 };

/** What latents are like. */
export interface LatentShape {
  readonly channels: number;
  /** Pixels of a latent's side. */
  readonly factor: number;
}

/** Captions of batches, as long as their longest: tokens of each sampled batch. */
function paddedLengths({ tokenizer, train }: LabData, isDense: boolean, batch: number): number[] {
  const texts = train.map(({ text, dense_text }) => prepareCaption(isDense ? dense_text : text));
  const options = { maxLength: MAX_TOKENS, padding: "longest" } as const;
  const { lengths } = tokenizer.encode(texts, options);
  return Array.from({ length: SAMPLED }, (_, i) => {
    const order = randomOrder(lengths.length, torch.stream(0, "lab/padding", i));
    return Math.max(...order.slice(0, batch).map((place) => lengths[place] ?? 0));
  });
}

/** Counted operations of a picture in a stage, forward and backward; captions' padding in the mean over batches. */
export function operationsOf(
  part: Part,
  { dense, perBlock = false }: Design,
  batch: number,
  { channels, factor }: LatentShape,
  data: LabData,
): number {
  const { numLayers, numAttentionHeads, attentionHeadDim, patchSize } = TRANSFORMER;
  const shape = {
    layers: numLayers,
    width: numAttentionHeads * attentionHeadDim,
    patchSize,
    inChannels: channels,
    outChannels: 2 * channels,
  };
  const tokens = (part.side / factor / patchSize) ** 2;
  if (part.learns === "classes") return withBackward(diTForward(shape, tokens));
  const pixArt = { ...shape, captionChannels: TEXT_ENCODER.dModel, perBlock };
  const under = (isDense: boolean): number =>
    mean(
      paddedLengths(data, isDense, batch).map((length) =>
        withBackward(
          pixArtForward(pixArt, tokens, length) + textEncoderForward(TEXT_ENCODER, length),
        ),
      ),
    );
  return dense * under(true) + (1 - dense) * under(false);
}
