import { join } from "node:path";
import { Tokenizer } from "@huggingface/tokenizers";
import { resolveModel } from "../hub/index.ts";
import { prepareCaption } from "./captions.ts";
import {
  readTokenizerFiles,
  specialTokens,
  type T5Vocabulary,
  tokenizerFiles,
  tokenizerJson,
  writeTokenizerFiles,
} from "./tokenizer-files.ts";
import { codePointOffsets, segment, type UnigramModel } from "./unigram.ts";
import { trainUnigram } from "./unigram-trainer.ts";

export interface EncodeOptions {
  /** Most tokens of a text, `</s>` included. */
  readonly maxLength: number;
  /** Pad every text to `maxLength` ("max"), or to the longest of this call ("longest"). */
  readonly padding: "max" | "longest";
  /** Longer texts lose their end; `</s>` stays last. */
  readonly truncation: true;
}

/** A batch of B texts, padded on the right to L tokens. */
export interface TextEncoding {
  /** (B, L) row by row, 0 where padded. */
  readonly inputIds: BigInt64Array;
  /** (B, L) row by row, 1 for real tokens, `</s>` included. */
  readonly attentionMask: BigInt64Array;
  /** [B, L]. */
  readonly shape: readonly [number, number];
  /** Real tokens of each text. */
  readonly lengths: readonly number[];
  /** Texts that were too long, and the part of each that was cut off. */
  readonly truncated: readonly { readonly index: number; readonly dropped: string }[];
}

/** What is used of the library's tokenizer: its own declarations do not resolve under NodeNext. */
interface LibraryTokenizer {
  encode(text: string): { readonly ids: number[]; readonly tokens: string[] };
  decode(ids: number[], options: { skip_special_tokens: boolean }): string;
  readonly model: { encode: (words: string[]) => string[] };
}

const padId = 0;
const eosId = 1;
/** SentencePiece's cost of an unknown character, below the least likely piece. */
const unknownPenalty = 10;

/** T5's tokenizer: a Unigram vocabulary over `▁`-prefixed words, `<pad>` 0, `</s>` 1, `<unk>` 2, `</s>` at the end. */
export class T5Tokenizer {
  /** Ids run from 0 to `vocabSize - 1`. */
  readonly vocabSize: number;
  readonly #vocabulary: T5Vocabulary;
  readonly #tokenizer: LibraryTokenizer;

  private constructor(vocabulary: T5Vocabulary) {
    this.#vocabulary = vocabulary;
    this.#tokenizer = createTokenizer(vocabulary);
    const addedIds = vocabulary.addedTokens.map(({ id }) => id);
    this.vocabSize = Math.max(vocabulary.pieces.length, ...addedIds.map((id) => id + 1));
  }

  /** Trains a vocabulary of at most `vocabSize` tokens on captions, which are prepared by `prepareCaption` first. */
  static fromCaptions(
    captions: readonly string[],
    { vocabSize }: { readonly vocabSize: number },
  ): T5Tokenizer {
    const pieces = trainUnigram(captions.map(prepareCaption), { vocabSize, specialTokens });
    const addedTokens = specialTokens.map((content, id) => ({ id, content }));
    return new T5Tokenizer({ pieces, addedTokens });
  }

  /** Reads `tokenizer.json` from a folder or from the Hub by its name, as `savePretrained` or Python's transformers wrote it. */
  static async fromPretrained(
    folderOrName: string,
    {
      subfolder = "",
      revision,
    }: { readonly subfolder?: string; readonly revision?: string | undefined } = {},
  ): Promise<T5Tokenizer> {
    const folder = await resolveModel(folderOrName, { revision, files: tokenizerFiles(subfolder) });
    return new T5Tokenizer(await readTokenizerFiles(join(folder, subfolder)));
  }

  /** Writes `tokenizer.json`, `tokenizer_config.json` and `special_tokens_map.json`. */
  async savePretrained(folder: string): Promise<void> {
    await writeTokenizerFiles(folder, this.#vocabulary);
  }

  /** Token ids of texts, as transformers' T5Tokenizer gives them. Texts are not prepared: see `prepareCaption`. */
  encode(texts: readonly string[], { maxLength, padding }: EncodeOptions): TextEncoding {
    if (!Number.isInteger(maxLength) || maxLength < 1) {
      throw new Error(`Expected a positive integer for maxLength but received ${maxLength}`);
    }
    const rows = texts.map((text) => this.#tokenizer.encode(text));
    const lengths = rows.map(({ ids }) => Math.min(ids.length, maxLength));
    const width =
      padding === "max"
        ? maxLength
        : lengths.reduce((longest, length) => Math.max(longest, length), 0);
    const inputIds = new BigInt64Array(rows.length * width).fill(BigInt(padId));
    const attentionMask = new BigInt64Array(rows.length * width);
    const truncated: { index: number; dropped: string }[] = [];
    for (const [index, { ids, tokens }] of rows.entries()) {
      const cut = maxLength - 1;
      const kept = ids.length > maxLength ? [...ids.slice(0, cut), eosId] : ids;
      inputIds.set(kept.map(BigInt), index * width);
      attentionMask.fill(1n, index * width, index * width + kept.length);
      if (kept !== ids) truncated.push({ index, dropped: surface(tokens.slice(cut, -1)) });
    }
    return { inputIds, attentionMask, shape: [rows.length, width], lengths, truncated };
  }

  /** The text of token ids, without special tokens. */
  decode(ids: ArrayLike<number> | ArrayLike<bigint>): string {
    const numbers = Array.from<number | bigint, number>(ids, Number);
    return numbers.length === 0
      ? ""
      : this.#tokenizer.decode(numbers, { skip_special_tokens: true });
  }
}

/** The text that tokens were made of; unknown characters included, unlike a decoding of their ids. */
function surface(tokens: readonly string[]): string {
  return tokens.join("").replaceAll("▁", " ").trim();
}

/** The library's tokenizer, with its two differences from huggingface/tokenizers' Rust implementation put right. */
function createTokenizer(vocabulary: T5Vocabulary): LibraryTokenizer {
  const tokenizer: LibraryTokenizer = new Tokenizer(
    {
      ...tokenizerJson(vocabulary),
      // Its WhitespaceSplit goes by JavaScript's \s, which lacks U+0085 and has U+FEFF.
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: "\\p{White_Space}+" }, behavior: "Removed" },
          { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
        ],
      },
    },
    { tokenizer_class: "T5Tokenizer", clean_up_tokenization_spaces: false },
  );
  const scores = new Map(vocabulary.pieces);
  const lowest = vocabulary.pieces.reduce((least, [, score]) => Math.min(least, score), 0);
  const model: UnigramModel = {
    scores,
    unknownScore: lowest - unknownPenalty,
    longestPiece: vocabulary.pieces.reduce(
      (longest, [piece]) => Math.max(longest, codePointOffsets(piece).length - 1),
      1,
    ),
  };
  // Its search overflows the stack on words of about 100,000 characters.
  tokenizer.model.encode = (words) => words.flatMap((word) => segment(word, model));
  return tokenizer;
}
