import type { T5EncoderModel } from "../../models/index.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { requireFinite } from "../checks/finite.ts";
import { PromptPack } from "./prompt-pack.ts";
import { shorten } from "./shorten.ts";
import { StagedModel } from "./staged-model.ts";

// Shapes: B texts, L tokens of the longest one, D width of the encoder's states.

/** Text as the transformer takes it: real tokens, and padding only where a text of the batch is shorter than another. */
export interface EncodedText {
  /** (B, L, D) */
  readonly hiddenStates: Tensor;
  /** (B, L) int64, 1 where a token counts. */
  readonly attentionMask: Tensor;
}

/** How texts become tokens. */
export interface TextLimits {
  /** Longest text in tokens, its end mark included. */
  readonly maxSequenceLength: number;
  /** Told what is odd but no error. */
  readonly onWarning: (message: string) => void;
}

/** Where texts' states are from: a model, one that is loaded for each use, a pack, or nowhere: then calls bring their own. */
export type TextEncoder = T5EncoderModel | StagedModel<T5EncoderModel> | PromptPack | null;

/** Texts as tokens for the encoder, and what is odd about them: that one is too long. */
export function tokenized(tokenizer: T5Tokenizer, texts: readonly string[], maxLength: number) {
  const tokens = tokenizer.encode(texts, { maxLength, padding: "longest", truncation: true });
  const warnings = tokens.truncated.map(
    ({ dropped }) =>
      `The prompt is longer than ${maxLength} tokens. This part was left out: ${shorten(dropped)}`,
  );
  return { tokens, warnings };
}

/** Texts whose states are kept in place of an encoder that is not. */
const KEPT_TEXTS = 64;

/**
 * Turns texts into states. They are not padded to the maximum as in diffusers: padding is masked out everywhere, so
 * leaving it out changes nothing but the time.
 */
export class TextEncoding {
  readonly encoder: TextEncoder;
  readonly #tokenizer: T5Tokenizer;
  /** By length limit and text, oldest first: (1, L, D) each. Only for a staged encoder, which says how often it changed. */
  readonly #kept = new Map<string, Tensor>();

  constructor(tokenizer: T5Tokenizer, encoder: TextEncoder) {
    this.#tokenizer = tokenizer;
    this.encoder = encoder;
  }

  /** A row a text, on the encoder's device and in its dtype; the tensors are the caller's. */
  async encode(texts: readonly string[], limits: TextLimits): Promise<EncodedText> {
    const { encoder } = this;
    if (encoder === null) {
      throw new Error(
        "Expected promptEmbeds (and negativePromptEmbeds for guidance) because this pipeline has no text encoder",
      );
    }
    if (encoder instanceof PromptPack) return stackTexts(texts.map((text) => encoder.states(text)));
    if (!(encoder instanceof StagedModel)) return this.#run(encoder, texts, limits);
    this.#forgetOldest();
    const keyOf = (text: string): string =>
      `${encoder.changes} ${limits.maxSequenceLength} ${text}`;
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
    return stackTexts(texts.flatMap((text) => this.#kept.get(keyOf(text)) ?? []));
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

  /** A pack of texts' states, which needs no encoder any more. */
  async pack(texts: readonly string[], limits: TextLimits): Promise<PromptPack> {
    const states = new Map<string, Tensor>();
    for (const text of new Set(texts)) {
      const { hiddenStates, attentionMask } = await this.encode([text], limits);
      attentionMask.dispose();
      states.set(text, hiddenStates);
    }
    return PromptPack.of(states, limits.maxSequenceLength);
  }

  /** Leaves the newest; called before a batch, so that a batch never loses its own. */
  #forgetOldest(): void {
    for (const [key, states] of this.#kept) {
      if (this.#kept.size <= KEPT_TEXTS) return;
      states.dispose();
      this.#kept.delete(key);
    }
  }

  /** Gives back the encoder's memory and that of the kept states. */
  dispose(): void {
    for (const states of this.#kept.values()) states.dispose();
    this.#kept.clear();
    if (!(this.encoder instanceof StagedModel)) this.encoder?.dispose();
  }
}

/** Texts of (1, L, D) states each as one batch, padded on the right to the longest. */
export function stackTexts(states: readonly Tensor[]): EncodedText {
  return torch.tidy(() => {
    const length = Math.max(...states.map((text) => text.size(1)));
    const rows = states.map((text) => {
      const { device } = text;
      const mask = torch.ones([1, text.size(1)], { dtype: "int64", device });
      return padText({ hiddenStates: text, attentionMask: mask }, length);
    });
    return {
      hiddenStates: torch.cat(rows.map(({ hiddenStates }) => hiddenStates)),
      attentionMask: torch.cat(rows.map(({ attentionMask }) => attentionMask)),
    };
  });
}

/** The same text with masked zeros up to `length` tokens. */
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
