import { join } from "node:path";
import { expected } from "../../errors/index.ts";
import { resolveModel } from "../../hub/index.ts";
import { prepareCaption } from "../captions/captions.ts";
import { addedSplitter } from "./added-tokens.ts";
import { normalized } from "./normalizer.ts";
import { SentencePieceModel } from "./sentencepiece.ts";
import {
  readTokenizerFiles,
  specialTokens,
  type T5Vocabulary,
  tokenizerFiles,
  writeTokenizerFiles,
} from "./tokenizer-files.ts";
import { wordSplitter, wordStart } from "./unigram.ts";
import { trainUnigram } from "./unigram-trainer.ts";

export interface EncodeOptions {
  /** Most tokens of a text, including `</s>`. Longer texts are truncated; `</s>` stays last. */
  readonly maxLength: number;
  /** Pad every text to `maxLength` ("max"), or to the longest of this call ("longest"). */
  readonly padding: "max" | "longest";
}

/** A batch of B texts, padded on the right to L tokens. */
export interface BatchEncoding {
  /** (B, L) row by row, 0 for padding. */
  readonly inputIds: BigInt64Array;
  /** (B, L) row by row, 1 for real tokens, including `</s>`. */
  readonly attentionMask: BigInt64Array;
  /** [B, L]. */
  readonly shape: readonly [number, number];
  /** Number of real tokens in each text. */
  readonly lengths: readonly number[];
  /** Texts that were too long, and the part of each that was cut off. */
  readonly truncated: readonly { readonly index: number; readonly dropped: string }[];
}

/** The tokens of a text: ids, and the text of each. */
interface Tokens {
  readonly ids: number[];
  readonly surfaces: string[];
}

const padId = 0;
const eosId = 1;
const unkId = 2;

/** T5's tokenizer: a Unigram vocabulary over `▁`-prefixed words, `<pad>` 0, `</s>` 1, `<unk>` 2, `</s>` at the end. */
export class T5Tokenizer {
  /** Ids run from 0 to `vocabSize - 1`. */
  readonly vocabSize: number;
  readonly #vocabulary: T5Vocabulary;
  readonly #addedIds: ReadonlyMap<string, number>;
  readonly #splitAdded: (text: string) => string[];
  readonly #pieceIds: ReadonlyMap<string, number>;
  readonly #split: (text: string) => string[];

  private constructor(vocabulary: T5Vocabulary) {
    const { addedTokens, pieces, rules, normalizer } = vocabulary;
    this.#vocabulary = vocabulary;
    this.vocabSize = addedTokens.reduce((size, { id }) => Math.max(size, id + 1), pieces.length);
    this.#addedIds = new Map(addedTokens.map(({ id, content }) => [content, id]));
    this.#splitAdded = addedSplitter(this.#addedIds.keys());
    const isText = ([piece]: readonly [string, number]) => !this.#addedIds.has(piece);
    this.#pieceIds = new Map(pieces.map(([piece], id) => [piece, id]));
    // Only normalizers can produce the text of an added token after those were searched; the tokenizers library then treats it as
    // one.
    const textPieces =
      normalizer !== undefined && rules === undefined ? pieces : pieces.filter(isText);
    const model = rules && new SentencePieceModel(textPieces, rules);
    const split = model ? (text: string) => model.split(text) : wordSplitter(textPieces);
    const steps = normalizer?.steps ?? [];
    this.#split = (text) => split(normalized(text, steps));
  }

  /** Trains a vocabulary of at most `vocabSize` tokens on captions, after preparing them with `prepareCaption`. */
  static fromCaptions(
    captions: readonly string[],
    { vocabSize }: { readonly vocabSize: number },
  ): T5Tokenizer {
    const pieces = trainUnigram(captions.map(prepareCaption), { vocabSize, specialTokens });
    const addedTokens = specialTokens.map((content, id) => ({ id, content }));
    return new T5Tokenizer({ pieces, addedTokens });
  }

  /**
   * Reads a T5 tokenizer from a folder, or from the Hub by its name: `tokenizer.json`, as `savePretrained` or Python's
   * transformers wrote it, or `spiece.model`, which the released PixArt pipelines have. Throws BadFileError if the files are not
   * T5's.
   */
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

  /** Writes the files of a tokenizer: `tokenizer.json`, or `spiece.model` if it was read from one, with their companion files. */
  async savePretrained(folder: string): Promise<void> {
    await writeTokenizerFiles(folder, this.#vocabulary);
  }

  /**
   * Token ids of texts. With the rules of a `spiece.model` they are SentencePiece's, without them transformers'. Special tokens
   * are found in the text, as in transformers. Texts are not prepared: see `prepareCaption`.
   */
  encode(texts: readonly string[], { maxLength, padding }: EncodeOptions): BatchEncoding {
    requireLength(maxLength);
    const rows = texts.map((text) => this.#tokensOf(text));
    const lengths = rows.map(({ ids }) => Math.min(ids.length, maxLength));
    const width =
      padding === "max"
        ? maxLength
        : lengths.reduce((longest, length) => Math.max(longest, length), 0);
    const inputIds = new BigInt64Array(rows.length * width).fill(BigInt(padId));
    const attentionMask = new BigInt64Array(rows.length * width);
    const truncated: { index: number; dropped: string }[] = [];
    for (const [index, tokens] of rows.entries()) {
      const { ids } = tokens;
      const dropped = droppedFrom(tokens, maxLength);
      const kept = dropped === undefined ? ids : [...ids.slice(0, maxLength - 1), eosId];
      inputIds.set(kept.map(BigInt), index * width);
      attentionMask.fill(1n, index * width, index * width + kept.length);
      if (dropped !== undefined) truncated.push({ index, dropped });
    }
    return { inputIds, attentionMask, shape: [rows.length, width], lengths, truncated };
  }

  /**
   * The part of a text that {@link encode} would cut off; undefined if it fits into `maxLength` tokens, including `</s>`. Throws
   * InvalidValueError for a length that is not a positive integer.
   */
  truncatedIn(text: string, maxLength: number): string | undefined {
    requireLength(maxLength);
    return droppedFrom(this.#tokensOf(text), maxLength);
  }

  /** The text of token ids, without special tokens and ids beyond the vocabulary. */
  decode(ids: ArrayLike<number> | ArrayLike<bigint>): string {
    const pieces = Array.from<number | bigint, string>(
      ids,
      (id) => this.#vocabulary.pieces[Number(id)]?.[0] ?? "",
    ).filter((piece) => piece !== "" && !this.#addedIds.has(piece));
    const text = pieces.join("").replaceAll(wordStart, " ");
    return pieces[0]?.startsWith(wordStart) ? text.slice(1) : text;
  }

  /** The tokens of a text and `</s>`, which has no text. Adjacent unknown characters make one token. */
  #tokensOf(text: string): Tokens {
    const ids: number[] = [];
    const surfaces: string[] = [];
    for (const [index, part] of this.#splitAdded(text).entries()) {
      if (index % 2 === 1) {
        ids.push(this.#addedIds.get(part) ?? unkId);
        surfaces.push(part);
        continue;
      }
      let isAfterUnknown = false;
      for (const piece of this.#split(part)) {
        const id = this.#pieceIds.get(piece);
        if (id === undefined && isAfterUnknown) {
          surfaces.push((surfaces.pop() ?? "") + piece);
          continue;
        }
        ids.push(id ?? unkId);
        surfaces.push(piece);
        isAfterUnknown = id === undefined;
      }
    }
    ids.push(eosId);
    return { ids, surfaces };
  }
}

function requireLength(maxLength: number): void {
  if (Number.isInteger(maxLength) && maxLength >= 1) return;
  throw expected("a positive integer", "maxLength", maxLength);
}

/** The text of the tokens that give way to the limit; undefined if all fit. */
function droppedFrom({ ids, surfaces }: Tokens, maxLength: number): string | undefined {
  if (ids.length <= maxLength) return undefined;
  return surfaces
    .slice(maxLength - 1)
    .join("")
    .replaceAll(wordStart, " ")
    .trim();
}
