import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

// Shapes: B texts, L tokens of the longest one, D width of the encoder's states.

/** Text as the transformer takes it: real tokens, padded only to the longest text of the batch. */
export interface EncodedText {
  /** (B, L, D) */
  readonly hiddenStates: Tensor;
  /** (B, L) int64, 1 where a token counts. */
  readonly attentionMask: Tensor;
}

/** Batches texts of (1, L, D) states each, padded on the right to the longest. */
export function stackTexts(states: readonly Tensor[]): EncodedText {
  return torch.tidy(() =>
    joinTexts(
      states.map((text) => {
        const { device } = text;
        const mask = torch.ones([1, text.size(1)], { dtype: "int64", device });
        return { hiddenStates: text, attentionMask: mask };
      }),
    ),
  );
}

/** Batches of texts as one, padded on the right to the longest. */
export function joinTexts(texts: readonly EncodedText[]): EncodedText {
  return torch.tidy(() => {
    const length = Math.max(...texts.map(({ hiddenStates }) => hiddenStates.size(1)));
    const rows = texts.map((text) => padText(text, length));
    return {
      hiddenStates: torch.cat(rows.map(({ hiddenStates }) => hiddenStates)),
      attentionMask: torch.cat(rows.map(({ attentionMask }) => attentionMask)),
    };
  });
}

/** The same text, padded with masked zeros to `length` tokens. */
export function padText(text: EncodedText, length: number): EncodedText {
  const [rows = 0, present = 0, width = 0] = text.hiddenStates.shape;
  if (present === length) return text;
  return torch.tidy(() => {
    const { dtype, device } = text.hiddenStates;
    const missing = [rows, length - present];
    const blank = torch.zeros([...missing, width], { dtype, device });
    const unmarked = torch.zeros(missing, { dtype: text.attentionMask.dtype, device });
    return {
      hiddenStates: torch.cat([text.hiddenStates, blank], 1),
      attentionMask: torch.cat([text.attentionMask, unmarked], 1),
    };
  });
}

export function disposeText({ hiddenStates, attentionMask }: EncodedText): void {
  hiddenStates.dispose();
  attentionMask.dispose();
}
