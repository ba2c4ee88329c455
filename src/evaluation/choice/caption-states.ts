import type { PixArtAlphaOptions, PixArtAlphaPipeline } from "../../pipelines/index.ts";
import type { EncodedText } from "../../pipelines/prompts/encoded-text.ts";
import * as torch from "../../torch/index.ts";

/**
 * How captions are read, best as in the model's training. Unlike prompts they are not cleaned by default, since most models are
 * trained on captions as they are.
 */
export type CaptionReading = Pick<PixArtAlphaOptions, "cleanCaption" | "maxSequenceLength">;

/** The options of a call with captions. */
export const asTrained = (
  reading: CaptionReading = {},
): CaptionReading & Required<Pick<CaptionReading, "cleanCaption">> => ({
  cleanCaption: false,
  ...reading,
});

/** The captions' states, one row each. The caller disposes them. */
export async function captionStates(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
  reading?: CaptionReading,
): Promise<EncodedText> {
  const request = pipe.checkInputs(captions, { guidanceScale: 1, ...asTrained(reading) });
  return (await pipe.encodePrompt(request)).positive;
}

/** Selected rows of states, with repetitions allowed. */
export function rowsOf(
  { hiddenStates, attentionMask }: EncodedText,
  rows: readonly number[],
): EncodedText {
  const index = torch.tensor([...rows], { dtype: "int64", device: hiddenStates.device });
  return {
    hiddenStates: hiddenStates.indexSelect(0, index),
    attentionMask: attentionMask.indexSelect(0, index),
  };
}
