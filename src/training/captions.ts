import { createHash } from "node:crypto";
import { join } from "node:path";
import { FeatureStore } from "../data/feature-store.ts";
import type { T5EncoderModel } from "../models/index.ts";
import { PromptPack, StagedModel, type TextEncoder } from "../pipelines/index.ts";
import { stackTexts } from "../pipelines/text-encoding.ts";
import type { T5Tokenizer } from "../text/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { stateHash } from "./state-hash.ts";

/** What a transformer's cross-attention takes: (B, L, D) states and the (B, L) mask of their real tokens. */
export interface CaptionStates {
  readonly states: Tensor;
  readonly mask: Tensor;
}

/** Where a stage's captions become states. */
export interface Captions {
  /** States of prepared texts, padded to the longest of them. */
  states(texts: readonly string[]): CaptionStates;
  /** What a pipeline draws the sample prompts with. */
  readonly encoder: TextEncoder;
  dispose(): void;
}

/** Captions under a text encoder that is in memory: encoded in every step, as one that is trained has to be. */
export class LiveCaptions implements Captions {
  readonly encoder: T5EncoderModel;
  readonly #tokenizer: T5Tokenizer;
  readonly #maxLength: number;

  constructor(encoder: T5EncoderModel, tokenizer: T5Tokenizer, maxLength: number) {
    this.encoder = encoder;
    this.#tokenizer = tokenizer;
    this.#maxLength = maxLength;
  }

  states(texts: readonly string[]): CaptionStates {
    return torch.tidy(() => {
      const { ids, mask } = tokens(texts, this.#tokenizer, this.#maxLength);
      return { states: this.encoder.call(ids, { attentionMask: mask }).float(), mask };
    });
  }

  dispose(): void {
    this.encoder.dispose();
  }
}

/** What {@link FrozenCaptions} works on. */
export interface FrozenCaptionsOptions {
  /** Loaded only where the cache lacks something, or where there is none. */
  readonly encoder: StagedModel<T5EncoderModel> | T5EncoderModel;
  readonly tokenizer: T5Tokenizer;
  readonly maxLength: number;
  /** Every prepared text that will be asked for. */
  readonly texts: readonly string[];
  /** Prepared texts that pipelines draw samples of. */
  readonly prompts: readonly string[];
  /** Folder for cached states; null encodes captions anew in every step. */
  readonly cache: string | null;
  readonly warn: (message: string) => void;
}

/**
 * Captions under a frozen text encoder. Each text is encoded alone and without padding, so that a cached one and one
 * encoded in its step are equal to the last bit. With a cache the encoder is gone from memory before training begins.
 */
export class FrozenCaptions implements Captions {
  readonly encoder: TextEncoder;
  readonly #stateOf: (text: string) => Tensor;
  readonly #dispose: () => void;

  private constructor(
    encoder: TextEncoder,
    stateOf: (text: string) => Tensor,
    dispose: () => void,
  ) {
    this.encoder = encoder;
    this.#stateOf = stateOf;
    this.#dispose = dispose;
  }

  static async open(options: FrozenCaptionsOptions): Promise<FrozenCaptions> {
    const { encoder, tokenizer, maxLength, texts, prompts, cache, warn } = options;
    const model = encoder instanceof StagedModel ? await encoder.load() : encoder;
    const encode = (text: string): Tensor => encodeAlone(model, tokenizer, maxLength, text);
    if (cache === null) return new FrozenCaptions(model, encode, () => model.dispose());
    const name = createHash("sha256")
      .update(`${stateHash(model)}/${maxLength}`)
      .digest("hex")
      .slice(0, 16);
    const store = await FeatureStore.open(join(cache, `captions-${name}`), warn);
    for (const text of new Set([...texts, ...prompts])) {
      if (store.has(keyOf(text))) continue;
      const states = encode(text);
      await store.put(new Map([[keyOf(text), states]]));
      states.dispose();
    }
    await store.flush();
    if (encoder instanceof StagedModel) model.dispose();
    const cached = (text: string): Tensor => store.get(keyOf(text));
    const pack = PromptPack.of(
      new Map(prompts.map((text) => [text, cached(text)] as const)),
      maxLength,
    );
    return new FrozenCaptions(pack, cached, () => {
      pack.dispose();
      store.dispose();
      if (!(encoder instanceof StagedModel)) model.dispose();
    });
  }

  states(texts: readonly string[]): CaptionStates {
    return torch.tidy(() => {
      const { hiddenStates, attentionMask } = stackTexts(texts.map(this.#stateOf));
      return { states: hiddenStates.float(), mask: attentionMask };
    });
  }

  dispose(): void {
    this.#dispose();
  }
}

const keyOf = (text: string): string =>
  createHash("sha256").update(text).digest("hex").slice(0, 32);

function tokens(
  texts: readonly string[],
  tokenizer: T5Tokenizer,
  maxLength: number,
): { ids: Tensor; mask: Tensor } {
  const made = tokenizer.encode(texts, { maxLength, padding: "longest", truncation: true });
  return {
    ids: torch.fromTypedArray(made.inputIds, made.shape),
    mask: torch.fromTypedArray(made.attentionMask, made.shape),
  };
}

/** (1, L, D) in the encoder's dtype. */
const encodeAlone = (
  encoder: T5EncoderModel,
  tokenizer: T5Tokenizer,
  maxLength: number,
  text: string,
): Tensor =>
  torch.noGrad(() =>
    torch.tidy(() => {
      const { ids, mask } = tokens([text], tokenizer, maxLength);
      return encoder.call(ids, { attentionMask: mask });
    }),
  );
