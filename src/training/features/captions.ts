import { createHash } from "node:crypto";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FeatureStore } from "../../data/feature-store.ts";
import { T5EncoderModel } from "../../models/index.ts";
import { PromptPack, type TextEncoder } from "../../pipelines/index.ts";
import { stackTexts } from "../../pipelines/prompts/encoded-text.ts";
import type { T5Tokenizer } from "../../text/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { eachInSlices } from "../contract/in-slices.ts";
import type { LazyTextEncoder } from "../models/lazy-text-encoder.ts";
import { stateHash } from "../models/state-hash.ts";
import { EncodingProgress, type ProgressTold } from "../progress/encoding-progress.ts";

/** Input of a transformer's cross-attention: (B, L, D) states and the (B, L) mask of their real tokens. */
export interface CaptionStates {
  readonly states: Tensor;
  readonly mask: Tensor;
}

/** Encodes a stage's captions. */
export interface Captions {
  /** States of prepared texts, padded to the longest. */
  states(texts: readonly string[]): CaptionStates;
  /** Encoder that pipelines use for the sample prompts. */
  readonly encoder: TextEncoder;
  dispose(): void;
}

/** Captions under a text encoder in memory: encoded in every step, as training the encoder requires. */
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
      const { ids, mask } = tokens(texts, this.#tokenizer, this.#maxLength, this.encoder.device);
      return { states: this.encoder.call(ids, { attentionMask: mask }).float(), mask };
    });
  }

  dispose(): void {
    this.encoder.dispose();
  }
}

/** What {@link FrozenCaptions} works with. */
export interface FrozenCaptionsOptions extends ProgressTold {
  /** Loaded only if the cache is incomplete or disabled. */
  readonly encoder: LazyTextEncoder | T5EncoderModel;
  readonly tokenizer: T5Tokenizer;
  readonly maxLength: number;
  /** Every prepared text that will be requested. */
  readonly texts: readonly string[];
  /** Prepared prompts of the samples. */
  readonly prompts: readonly string[];
  /**
   * States (1, L, D), computed elsewhere, of a text of L tokens, to be cached instead of the encoder's; this class takes
   * ownership.
   */
  readonly made?: ((text: string, tokens: number) => Tensor | undefined) | undefined;
  /** Cached states, shared until {@link FrozenCaptions.dispose}; null encodes captions in every step. */
  readonly store: FeatureStore | null;
  /** Aborting it stops the encoding; texts encoded so far are kept. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Captions under a frozen text encoder. Each text is encoded alone and without padding, so cached states equal those encoded in a
 * step to the last bit. With a cache the encoder is freed before training begins, and not even loaded if nothing is missing. The
 * store is named after the encoder and its keys after the tokens, so a changed encoder or tokenizer never uses states of another
 * one.
 */
export class FrozenCaptions implements Captions {
  readonly encoder: TextEncoder;
  /** How many texts were encoded for the cache when it was opened. */
  readonly encoded: number;
  readonly #stateOf: (text: string) => Tensor;
  readonly #dispose: () => void;

  private constructor(
    encoder: TextEncoder,
    encoded: number,
    stateOf: (text: string) => Tensor,
    dispose: () => void,
  ) {
    this.encoder = encoder;
    this.encoded = encoded;
    this.#stateOf = stateOf;
    this.#dispose = dispose;
  }

  /** Encodes what the cache lacks. Throws the signal's reason if it is aborted. */
  static async open(options: FrozenCaptionsOptions): Promise<FrozenCaptions> {
    const { encoder, tokenizer, maxLength, texts, prompts, made, store, signal } = options;
    const load = async (): Promise<T5EncoderModel> =>
      encoder instanceof T5EncoderModel ? encoder : await encoder.load();
    const encode =
      (model: T5EncoderModel) =>
      (text: string): Tensor =>
        encodeAlone(model, tokenizer, maxLength, text);
    if (store === null) {
      const model = await load();
      return new FrozenCaptions(model, 0, encode(model), () => model.dispose());
    }
    const seen = (text: string): SeenTokens => seenTokens(tokenizer, maxLength, text);
    const all = new Set([...texts, ...prompts]);
    const missing = await unknownTexts(all, (text) => store.has(seen(text).key), signal);
    const progress = new EncodingProgress("Encoding captions", missing.length, options);
    let model: T5EncoderModel | undefined;
    let encoded = 0;
    try {
      for (const text of missing) {
        await nextTurn(); // encoding is synchronous and would block signals
        if (signal?.aborted) break;
        const { key, count } = seen(text);
        let states = made?.(text, count);
        if (states === undefined) {
          model ??= await load();
          states = encode(model)(text);
          encoded++;
        }
        await store.put(new Map([[key, states]]));
        states.dispose();
        progress.done(1);
      }
    } finally {
      if (model !== encoder) model?.dispose();
    }
    await store.flush();
    signal?.throwIfAborted();
    const cached = (text: string): Tensor => store.get(seen(text).key);
    const pack = PromptPack.of(
      new Map(prompts.map((text) => [text, cached(text)] as const)),
      maxLength,
    );
    const leaveStore = store.share();
    return new FrozenCaptions(pack, encoded, cached, () => {
      pack.dispose();
      leaveStore();
      if (encoder instanceof T5EncoderModel) encoder.dispose();
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

/** Opens the cached states of an encoder's captions in a cache folder; `warn` is called as by {@link FeatureStore.open}. */
export const openCaptionStore = async (
  encoder: LazyTextEncoder | T5EncoderModel,
  cache: string,
  warn: (message: string) => void,
): Promise<FeatureStore> => FeatureStore.open(await captionFolder(encoder, cache), warn);

/** Folder of the captions of one encoder; the hash of the encoder's files is kept next to it. */
async function captionFolder(
  encoder: LazyTextEncoder | T5EncoderModel,
  cache: string,
): Promise<string> {
  const made =
    encoder instanceof T5EncoderModel
      ? `${stateHash(encoder)}/${encoder.dtype}/${JSON.stringify(encoder.config)}`
      : await encoder.identity(join(cache, "encoders"));
  const name = createHash("sha256").update(made).digest("hex").slice(0, 16);
  return join(cache, `captions-${name}`);
}

/** Returns the texts that are not cached, judged by the files' headers. */
export async function uncachedTexts({
  encoder,
  tokenizer,
  maxLength,
  texts,
  cache,
}: {
  readonly encoder: LazyTextEncoder;
  readonly tokenizer: T5Tokenizer;
  readonly maxLength: number;
  readonly texts: readonly string[];
  readonly cache: string;
}): Promise<string[]> {
  const keys = await FeatureStore.keysIn(await captionFolder(encoder, cache));
  return unknownTexts(texts, (text) => keys.has(seenTokens(tokenizer, maxLength, text).key));
}

/** The texts that are not known. Throws the signal's reason if it is aborted. */
async function unknownTexts(
  texts: Iterable<string>,
  isKnown: (text: string) => boolean,
  signal?: AbortSignal,
): Promise<string[]> {
  const unknown: string[] = [];
  const visit = (text: string): void => {
    if (!isKnown(text)) unknown.push(text);
  };
  await eachInSlices(texts, visit, signal);
  return unknown;
}

/** The input of an encoder for a text. */
interface SeenTokens {
  /** Key of its states in the store. */
  readonly key: string;
  readonly count: number;
}

/** Keys are made of tokens, not texts: truncated text makes no difference, but another vocabulary does. */
function seenTokens(tokenizer: T5Tokenizer, maxLength: number, text: string): SeenTokens {
  const { inputIds } = tokenizer.encode([text], {
    maxLength,
    padding: "longest",
  });
  const key = createHash("sha256").update(inputIds.join()).digest("hex").slice(0, 32);
  return { key, count: inputIds.length };
}

function tokens(
  texts: readonly string[],
  tokenizer: T5Tokenizer,
  maxLength: number,
  device: torch.Device,
): { ids: Tensor; mask: Tensor } {
  const made = tokenizer.encode(texts, { maxLength, padding: "longest" });
  return {
    ids: torch.fromTypedArray(made.inputIds, made.shape, { device }),
    mask: torch.fromTypedArray(made.attentionMask, made.shape, { device }),
  };
}

/** (1, L, D) in the encoder's own dtype, independent of a step's autocast. */
const encodeAlone = (
  encoder: T5EncoderModel,
  tokenizer: T5Tokenizer,
  maxLength: number,
  text: string,
): Tensor => {
  const encoded = (): Tensor => {
    const { ids, mask } = tokens([text], tokenizer, maxLength, encoder.device);
    return encoder.call(ids, { attentionMask: mask });
  };
  return torch.noGrad(() => torch.withoutAutocast(() => torch.tidy(encoded)));
};
