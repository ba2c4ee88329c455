import type { PixArtAlphaPipeline } from "../../pipelines/index.ts";
import type { EncodedText } from "../../pipelines/prompts/encoded-text.ts";
import * as torch from "../../torch/index.ts";

/** The captions' states, one row each. The caller disposes them. */
export async function captionStates(
  pipe: PixArtAlphaPipeline,
  captions: readonly string[],
): Promise<EncodedText> {
  const request = pipe.checkInputs(captions, { guidanceScale: 1, cleanCaption: false });
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
