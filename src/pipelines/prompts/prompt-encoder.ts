import { InvalidStateError, InvalidValueError } from "../../errors/index.ts";
import type { T5EncoderModel } from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import { cleanCaption, prepareCaption, type T5Tokenizer } from "../../text/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { requireFinite } from "../checks/finite.ts";
import type { PixArtAlphaRequest } from "../pixart-alpha-request.ts";
import { disposeText, type EncodedText, padText, stackTexts } from "./encoded-text.ts";
import { LazyModel } from "./lazy-model.ts";
import { PromptPack } from "./prompt-pack.ts";
import { isEncoded, type RequestTexts, type TextSource } from "./request-texts.ts";
import { shorten } from "./shorten.ts";

// Shapes: B texts, L tokens of the longest one, D width of the encoder's states.

/** Limits of tokenizing, and where warnings go. */
export interface TextLimits {
  /** Longest text, in tokens, including its end mark. */
  readonly maxSequenceLength: number;
  /** Called for what is odd but no error. */
  readonly onWarning: (message: string) => void;
}

/** Source of texts' states: a model, one that is loaded for each use, a pack, or null, in which case calls bring their own. */
export type TextEncoder = T5EncoderModel | LazyModel<T5EncoderModel> | PromptPack | null;

/** Tokenizes texts for the encoder, with a warning for any that is too long. */
export function tokenized(
  tokenizer: T5Tokenizer,
  texts: readonly string[],
  maxSequenceLength: number,
) {
  const tokens = tokenizer.encode(texts, {
    maxLength: maxSequenceLength,
    padding: "longest",
  });
  const warnings = tokens.truncated.map(
    ({ dropped }) =>
      `The prompt is longer than ${maxSequenceLength} tokens. This part was left out: ${shorten(dropped)}`,
  );
  return { tokens, warnings };
}

/** Number of texts whose states are kept when the encoder itself is not. */
const KEPT_TEXTS = 64;

/**
 * Turns texts into states. Unlike in diffusers they are not padded to the maximum: padding is masked out everywhere, so that
 * leaving it out only saves time.
 */
export class PromptEncoder {
  readonly encoder: TextEncoder;
  readonly #tokenizer: T5Tokenizer;
  /** By length limit and text, oldest first: (1, L, D) each. Only used with a {@link LazyModel}, which counts its changes. */
  readonly #kept = new Map<string, Tensor>();
  /** Settles after the last call that uses the kept states: none of them is forgotten, or encoded again, by another call. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(tokenizer: T5Tokenizer, encoder: TextEncoder) {
    this.#tokenizer = tokenizer;
    this.encoder = encoder;
  }

  /** One row per text, on the encoder's device and in its dtype; the tensors are the caller's. */
  async encode(texts: readonly string[], limits: TextLimits): Promise<EncodedText> {
    const { encoder } = this;
    if (encoder === null) {
      throw new InvalidValueError(
        "Expected promptEmbeds (and negativePromptEmbeds for guidance) because this pipeline has no text encoder",
      );
    }
    if (encoder instanceof PromptPack) return stackTexts(texts.map((text) => encoder.states(text)));
    if (!(encoder instanceof LazyModel)) return this.#run(encoder, texts, limits);
    const encoded = this.#turn.then(() => this.#encodeNew(encoder, texts, limits));
    this.#turn = encoded.catch(() => {}); // the caller handles the error
    return encoded;
  }

  /** One row per text, from the kept states and those of a model that is loaded for the other texts. */
  async #encodeNew(
    encoder: LazyModel<T5EncoderModel>,
    texts: readonly string[],
    limits: TextLimits,
  ): Promise<EncodedText> {
    this.#forgetOldest();
    const { changes } = encoder; // a later one is not in the model that is loaded below
    const keyOf = (text: string): string => `${changes} ${limits.maxSequenceLength} ${text}`;
    const missing = [...new Set(texts)].filter((text) => !this.#kept.has(keyOf(text)));
    if (missing.length > 0) {
      await encoder.use((model) => {
        for (const text of missing) {
          const { hiddenStates, attentionMask } = this.#run(model, [text], limits);
          attentionMask.dispose();
          this.#kept.set(keyOf(text), torch.keep(hiddenStates));
        }
      });
    }
    return stackTexts(texts.map((text) => this.#statesOf(keyOf(text))));
  }

  #statesOf(key: string): Tensor {
    const states = this.#kept.get(key);
    if (states !== undefined) return states;
    throw new InvalidStateError(
      "Expected an open pipeline but this one was disposed while its text encoder was loaded",
    );
  }

  #run(encoder: T5EncoderModel, texts: readonly string[], limits: TextLimits): EncodedText {
    const { maxSequenceLength, onWarning } = limits;
    const { tokens, warnings } = tokenized(this.#tokenizer, texts, maxSequenceLength);
    for (const warning of warnings) onWarning(warning);
    const { device } = encoder;
    return torch.noGrad(() =>
      torch.tidy(() => {
        const inputIds = torch.fromTypedArray(tokens.inputIds, tokens.shape, { device });
        const attentionMask = torch.fromTypedArray(tokens.attentionMask, tokens.shape, { device });
        const hiddenStates = encoder.call(inputIds, { attentionMask });
        requireFinite(
          hiddenStates,
          "The text encoder",
          `for ${JSON.stringify(shorten(texts[0] ?? ""))}`,
        );
        return { hiddenStates, attentionMask };
      }),
    );
  }

  /** Packs texts' states, with which no encoder is needed any more. */
  async pack(texts: readonly string[], limits: TextLimits): Promise<PromptPack> {
    const states = new Map<string, Tensor>();
    try {
      for (const text of new Set(texts)) {
        const { hiddenStates, attentionMask } = await this.encode([text], limits);
        attentionMask.dispose();
        states.set(text, hiddenStates);
      }
      return PromptPack.of(states, limits.maxSequenceLength);
    } catch (error) {
      for (const each of states.values()) each.dispose();
      throw error;
    }
  }

  /** Keeps the newest. Called before a batch, so that a batch never loses its own. */
  #forgetOldest(): void {
    for (const [key, states] of this.#kept) {
      if (this.#kept.size <= KEPT_TEXTS) return;
      states.dispose();
      this.#kept.delete(key);
    }
  }

  /** Frees the memory of the encoder and of the kept states. */
  dispose(): void {
    for (const states of this.#kept.values()) states.dispose();
    this.#kept.clear();
    if (!(this.encoder instanceof LazyModel)) this.encoder?.dispose();
  }
}

/** Encoded texts, one row per picture. */
export interface EncodedPrompt {
  readonly positive: EncodedText;
  /** What guidance leads away from; undefined turns guidance off. */
  readonly negative: EncodedText | undefined;
}

/** The fields of a request that concern its texts. */
export type EncodePromptRequest = Pick<
  PixArtAlphaRequest,
  "texts" | "numImagesPerPrompt" | "guidanceScale" | "onWarning"
>;

/** Cleans prompts for encoding. Twice, as diffusers does: the second pass finds what the first uncovered. */
export const preparation = ({
  cleanCaption: cleans,
}: Pick<RequestTexts, "cleanCaption">): ((text: string) => string) =>
  cleans ? (text) => cleanCaption(cleanCaption(text)) : prepareCaption;

/**
 * Encodes the prompts of a request and, if its `guidanceScale` requires it, what to guide away from. One row per picture, all of
 * one length, on the device and in the dtype of the model that takes them. The tensors are the caller's.
 */
export async function encodePrompt(
  encoder: PromptEncoder,
  request: EncodePromptRequest,
  placement: Pick<Module, "device" | "dtype">,
): Promise<EncodedPrompt> {
  const { texts, guidanceScale, onWarning } = request;
  const { maxSequenceLength } = texts;
  const encoded: EncodedText[] = [];
  const encode = async (source: TextSource): Promise<EncodedText> => {
    if (isEncoded(source)) return source;
    const prepared = source.map(preparation(texts));
    const text = await encoder.encode(prepared, { maxSequenceLength, onWarning });
    encoded.push(text);
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
    for (const text of encoded) disposeText(text);
  }
}

/** One row per picture of each prompt; a single negative text serves all. */
function toRows(
  { hiddenStates, attentionMask }: EncodedText,
  { texts, numImagesPerPrompt }: EncodePromptRequest,
  { device, dtype }: Pick<Module, "device" | "dtype">,
): EncodedText {
  const isOneEach = hiddenStates.size(0) === texts.count;
  const times = isOneEach ? numImagesPerPrompt : texts.count * numImagesPerPrompt;
  return {
    hiddenStates: hiddenStates.to({ device, dtype }).repeatInterleave(times, 0),
    attentionMask: attentionMask.to({ device }).repeatInterleave(times, 0),
  };
}
