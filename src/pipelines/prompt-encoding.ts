import { cleanCaption, prepareCaption } from "../text/index.ts";
import * as torch from "../torch/index.ts";
import type { PixArtAlphaRequest } from "./pixart-alpha-request.ts";
import { isEncoded, type RequestTexts, type TextSource } from "./prompts/request-texts.ts";
import {
  disposeText,
  type EncodedText,
  padText,
  type TextEncoding,
} from "./prompts/text-encoding.ts";

/** Encoded texts, a row for each picture. */
export interface EncodedPrompt {
  readonly positive: EncodedText;
  /** What guidance leads away from; no guidance where undefined. */
  readonly negative: EncodedText | undefined;
}

/** What of a request concerns its texts. */
export type EncodePromptRequest = Pick<
  PixArtAlphaRequest,
  "texts" | "numImagesPerPrompt" | "guidanceScale" | "onWarning"
>;

/** Where encoded texts are wanted. */
interface Placement {
  readonly device: torch.Device;
  readonly dtype: torch.DType;
}

/** Prompts as they are encoded. Cleaned twice, as diffusers does: the second time finds what the first uncovered. */
export const preparation = ({
  cleanCaption: cleans,
}: Pick<RequestTexts, "cleanCaption">): ((text: string) => string) =>
  cleans ? (text) => cleanCaption(cleanCaption(text)) : prepareCaption;

/**
 * Encodes the prompts of a request, and where its `guidanceScale` asks for it what to lead away from; a row for each
 * picture, all of one length. The tensors are the caller's.
 */
export async function encodePrompt(
  encoding: TextEncoding,
  request: EncodePromptRequest,
  placement: Placement,
): Promise<EncodedPrompt> {
  const { texts, guidanceScale, onWarning } = request;
  const { maxSequenceLength } = texts;
  const made: EncodedText[] = [];
  const encode = async (source: TextSource): Promise<EncodedText> => {
    if (isEncoded(source)) return source;
    const prepared = source.map(preparation(texts));
    const text = await encoding.encode(prepared, { maxSequenceLength, onWarning });
    made.push(text);
    return text;
  };
  try {
    const positive = await encode(texts.positive);
    const negative = guidanceScale > 1 ? await encode(texts.negative) : undefined;
    return torch.noGrad(() =>
      torch.tidy(() => {
        const lengths = [positive, negative].map((text) => text?.hiddenStates.size(1) ?? 0);
        const rows = (text: EncodedText): EncodedText =>
          toRows(padText(text, Math.max(...lengths)), request, placement);
        return { positive: rows(positive), negative: negative && rows(negative) };
      }),
    );
  } finally {
    for (const text of made) disposeText(text);
  }
}

/** A row for each picture of each prompt; a single negative text serves all. */
function toRows(
  { hiddenStates, attentionMask }: EncodedText,
  { texts, numImagesPerPrompt }: EncodePromptRequest,
  { device, dtype }: Placement,
): EncodedText {
  const isOneEach = hiddenStates.size(0) === texts.count;
  const times = isOneEach ? numImagesPerPrompt : texts.count * numImagesPerPrompt;
  return {
    hiddenStates: hiddenStates.to({ device, dtype }).repeatInterleave(times, 0),
    attentionMask: attentionMask.to({ device }).repeatInterleave(times, 0),
  };
}
