import { expected, expectedNo, expectedType } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { checkCount } from "../checks/shown-value.ts";
import type { EncodedText } from "./encoded-text.ts";

/** The options of a call that concern its texts. */
export interface PromptOptions {
  /** What the picture is guided away from: one for all prompts, or one each. Default "", the trained unconditional. */
  readonly negativePrompt?: string | readonly string[];
  /**
   * (P, L, D) states instead of P prompts, which must be null then; D is the transformer's `captionChannels`. On any device and
   * in any floating-point dtype. Remains the caller's, as do the other tensors here.
   */
  readonly promptEmbeds?: Tensor;
  /** (P, L) of any dtype, 1 where a token counts and 0 elsewhere. Required with `promptEmbeds`, only with them. */
  readonly promptAttentionMask?: Tensor;
  /** (1 or P, L', D) states instead of negative prompts. */
  readonly negativePromptEmbeds?: Tensor;
  /** (1 or P, L') of any dtype, 1 where a token counts and 0 elsewhere. Required with `negativePromptEmbeds`, only with them. */
  readonly negativePromptAttentionMask?: Tensor;
  /** Whether prompts are cleaned of addresses, markup and the like as in training; if not, lower-cased and trimmed. Default true. */
  readonly cleanCaption?: boolean;
  /** Longest prompt, in tokens, including its end mark. Default: what the pipeline was trained with, 120 or 300. */
  readonly maxSequenceLength?: number;
}

/** Texts to encode, or already encoded ones. */
export type TextSource = readonly string[] | EncodedText;

/** The texts of a request. */
export interface RequestTexts {
  readonly count: number;
  readonly positive: TextSource;
  /** One per positive text. */
  readonly negative: TextSource;
  readonly cleanCaption: boolean;
  readonly maxSequenceLength: number;
}

/** The properties of a pipeline that its texts depend on. */
export interface TextDefaults {
  readonly maxSequenceLength: number;
  /** Width of encoded texts; null if any is possible. */
  readonly captionChannels: number | null;
}

/** Whether texts are already encoded. */
export const isEncoded = (source: TextSource): source is EncodedText => "hiddenStates" in source;

/** Tokens of a prompt: T5's attention needs 64 times their square. Released models have at most 300. */
const MOST_TOKENS = 4096;

/** Fills in the defaults. Throws for texts that exclude each other or don't match. */
export function resolveTexts(
  prompt: string | readonly string[] | null,
  options: PromptOptions,
  limits: TextDefaults,
): RequestTexts {
  const { negativePrompt, cleanCaption = true } = options;
  const { maxSequenceLength = limits.maxSequenceLength } = options;
  if (typeof cleanCaption !== "boolean")
    throw expectedType("a boolean", "cleanCaption", cleanCaption);
  checkCount("maxSequenceLength", maxSequenceLength);
  if (maxSequenceLength > MOST_TOKENS)
    throw expected(`at most ${MOST_TOKENS}`, "maxSequenceLength", maxSequenceLength);
  const embeds = encodedText(
    "promptEmbeds",
    options.promptEmbeds,
    options.promptAttentionMask,
    limits.captionChannels,
  );
  if (embeds !== undefined && prompt !== null) {
    throw expected("null, since promptEmbeds are given,", "prompt", JSON.stringify(prompt));
  }
  const positive = embeds ?? checkTexts("prompt", typeof prompt === "string" ? [prompt] : prompt);
  const count = isEncoded(positive) ? positive.hiddenStates.size(0) : positive.length;
  const negativeEmbeds = encodedText(
    "negativePromptEmbeds",
    options.negativePromptEmbeds,
    options.negativePromptAttentionMask,
    limits.captionChannels,
  );
  if (negativeEmbeds !== undefined && negativePrompt !== undefined) {
    const received = JSON.stringify(negativePrompt);
    throw expectedNo("negativePrompt", "together with negativePromptEmbeds", received);
  }
  const texts = negativePrompt ?? "";
  const negative =
    negativeEmbeds ??
    checkTexts("negativePrompt", typeof texts === "string" ? repeated(texts, count) : texts);
  const found = isEncoded(negative) ? negative.hiddenStates.size(0) : negative.length;
  if (found !== count && !(isEncoded(negative) && found === 1)) {
    const name = isEncoded(negative) ? "negativePromptEmbeds" : "negativePrompt";
    throw expected(`${count} texts, one per prompt,`, name, found);
  }
  return { count, positive, negative, cleanCaption, maxSequenceLength };
}

const repeated = (text: string, count: number): string[] =>
  Array.from({ length: count }, () => text);

function encodedText(
  name: string,
  states: Tensor | undefined,
  mask: Tensor | undefined,
  width: number | null,
): EncodedText | undefined {
  const maskName = name.replace(/Embeds$/, "AttentionMask");
  if (states === undefined) {
    if (mask === undefined) return undefined;
    throw expectedNo(maskName, `without ${name}`, `[${mask.shape.join(", ")}]`);
  }
  const { shape } = states;
  if (shape.length !== 3 || (width !== null && shape[2] !== width))
    throw expected(
      `a tensor [prompts, tokens, ${width ?? "width"}]`,
      name,
      `[${shape.join(", ")}]`,
    );
  const wanted = shape.slice(0, 2);
  if (mask?.shape.join() !== wanted.join()) {
    const received = mask === undefined ? "none" : `[${mask.shape.join(", ")}]`;
    throw expected(`a mask [${wanted.join(", ")}]`, maskName, received);
  }
  return { hiddenStates: states, attentionMask: mask };
}

function checkTexts(name: string, texts: readonly string[] | null): readonly string[] {
  const isList = Array.isArray(texts) && texts.length > 0;
  if (!isList || texts.some((text) => typeof text !== "string")) {
    throw expectedType("a text or a list of texts", name, JSON.stringify(texts));
  }
  return texts;
}
