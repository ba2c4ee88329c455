import { InternalError, InvalidStateError, InvalidValueError } from "../../errors/index.ts";
import type { T5EncoderModel } from "../../models/index.ts";
import type { Module } from "../../nn/index.ts";
import { cleanCaption, prepareCaption, type T5Tokenizer } from "../../text/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { requireFinite } from "../checks/finite.ts";
import type { PixArtAlphaRequest } from "../pixart-alpha-request.ts";
import { disposeText, type EncodedText, joinTexts, padText, stackTexts } from "./encoded-text.ts";
import { LazyModel } from "./lazy-model.ts";
import { PromptPack } from "./prompt-pack.ts";
import { isEncoded, type RequestTexts, type TextSource } from "./request-texts.ts";
import { shorten } from "./shorten.ts";

// Shapes: B texts, L tokens of the longest one, D width of the encoder's states.

/** Limits of tokenizing, where warnings go, and what ends the wait for a model. */
export interface TextLimits {
  /** Longest text, in tokens, including its end mark. */
  readonly maxSequenceLength: number;
  /** Called for what is odd but no error. */
  readonly onWarning: (message: string) => void;
  /** Once aborted, no model is loaded any more. */
  readonly signal?: AbortSignal | undefined;
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

/** Most texts in one pass of the encoder. */
const TEXTS_AT_ONCE = 32;

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
    const [text] = await this.encodeGroups([texts], limits);
    if (text === undefined) throw new InternalError("Expected one encoded text for one group");
    return text;
  }

  /** As {@link encode}, each group by itself; a model that is loaded for each use is loaded once for all of them. */
  async encodeGroups(
    groups: readonly (readonly string[])[],
    limits: TextLimits,
  ): Promise<EncodedText[]> {
    const { encoder } = this;
    if (encoder === null) {
      throw new InvalidValueError(
        "Expected promptEmbeds (and negativePromptEmbeds for guidance) because this pipeline has no text encoder",
      );
    }
    if (encoder instanceof PromptPack) {
      return eachText(groups, (texts) => stackTexts(texts.map((text) => encoder.states(text))));
    }
    if (!(encoder instanceof LazyModel)) {
      return eachText(groups, (texts) => this.#runInSlices(encoder, texts, limits));
    }
    // Of kept texts too, which are not tokenized again below.
    for (const texts of groups) this.#tokensOf(texts, limits);
    const encoded = this.#turn.then(() => this.#encodeNew(encoder, groups, limits));
    this.#turn = encoded.catch(() => {}); // the caller handles the error
    return encoded;
  }

  /** From the kept states and those of a model that is loaded for the other texts. */
  async #encodeNew(
    encoder: LazyModel<T5EncoderModel>,
    groups: readonly (readonly string[])[],
    limits: TextLimits,
  ): Promise<EncodedText[]> {
    limits.signal?.throwIfAborted();
    this.#forgetOldest();
    const { changes } = encoder; // a later one is not in the model that is loaded below
    const keyOf = (text: string): string => `${changes} ${limits.maxSequenceLength} ${text}`;
    const missing = [...new Set(groups.flat())].filter((text) => !this.#kept.has(keyOf(text)));
    const quiet = { ...limits, onWarning: () => {} }; // the caller has been told
    if (missing.length > 0) {
      await encoder.use((model) => {
        for (const text of missing) {
          const { hiddenStates, attentionMask } = this.#run(model, [text], quiet);
          attentionMask.dispose();
          this.#kept.set(keyOf(text), torch.keep(hiddenStates));
        }
      });
    }
    return eachText(groups, (texts) =>
      stackTexts(texts.map((text) => this.#statesOf(keyOf(text)))),
    );
  }

  #statesOf(key: string): Tensor {
    const states = this.#kept.get(key);
    if (states !== undefined) return states;
    throw new InvalidStateError(
      "Expected an open pipeline but this one was disposed while its text encoder was loaded",
    );
  }

  /** The same, some texts at a time: the memory of a pass grows with their number. */
  #runInSlices(encoder: T5EncoderModel, texts: readonly string[], limits: TextLimits): EncodedText {
    if (texts.length <= TEXTS_AT_ONCE) return this.#run(encoder, texts, limits);
    return torch.tidy(() => {
      const slices: EncodedText[] = [];
      for (let from = 0; from < texts.length; from += TEXTS_AT_ONCE)
        slices.push(this.#run(encoder, texts.slice(from, from + TEXTS_AT_ONCE), limits));
      return joinTexts(slices);
    });
  }

  /** Says which texts are cut. */
  #tokensOf(texts: readonly string[], { maxSequenceLength, onWarning }: TextLimits) {
    const { tokens, warnings } = tokenized(this.#tokenizer, texts, maxSequenceLength);
    for (const warning of warnings) onWarning(warning);
    return tokens;
  }

  #run(encoder: T5EncoderModel, texts: readonly string[], limits: TextLimits): EncodedText {
    const tokens = this.#tokensOf(texts, limits);
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
    const different = [...new Set(texts)];
    const encoded = await this.encodeGroups(
      different.map((text) => [text]),
      limits,
    );
    try {
      const states = encoded.map(
        ({ hiddenStates }, i) => [different[i] ?? "", hiddenStates] as const,
      );
      const pack = PromptPack.of(new Map(states), limits.maxSequenceLength);
      for (const { attentionMask } of encoded) attentionMask.dispose();
      return pack;
    } catch (error) {
      encoded.forEach(disposeText);
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

/** Encodes each group of texts. Leaves nothing behind if one fails. */
function eachText(
  groups: readonly (readonly string[])[],
  encode: (texts: readonly string[]) => EncodedText,
): EncodedText[] {
  const encoded: EncodedText[] = [];
  try {
    for (const texts of groups) encoded.push(encode(texts));
    return encoded;
  } catch (error) {
    encoded.forEach(disposeText);
    throw error;
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
> &
  Partial<Pick<PixArtAlphaRequest, "signal">>;

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
  const { texts, guidanceScale, onWarning, signal } = request;
  const { maxSequenceLength } = texts;
  const sources = [texts.positive, ...(guidanceScale > 1 ? [texts.negative] : [])];
  const groups = sources.flatMap((source): string[][] =>
    isEncoded(source) ? [] : [source.map(preparation(texts))],
  );
  const encoded =
    groups.length === 0
      ? []
      : await encoder.encodeGroups(groups, { maxSequenceLength, onWarning, signal });
  try {
    const rest = [...encoded];
    const statesOf = (source: TextSource): EncodedText | undefined =>
      isEncoded(source) ? source : rest.shift();
    const [positive, negative] = sources.map(statesOf);
    if (positive === undefined) throw new InternalError("Expected an encoded prompt");
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
