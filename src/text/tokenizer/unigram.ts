/** A piece of a Unigram vocabulary with its natural-log probability. */
export type Piece = readonly [text: string, score: number];

/** Begins every word, instead of the white space before it (SentencePiece's meta symbol). */
export const wordStart = "▁";

/** Log-probabilities of pieces; a character that is not a piece costs `unknownScore`. */
export interface UnigramModel {
  readonly scores: ReadonlyMap<string, number>;
  readonly unknownScore: number;
  /** Code points of the longest piece. */
  readonly longestPiece: number;
}

/**
 * The most likely segmentation of a word, with the scoring and tie-breaking (the longer last piece wins) of
 * huggingface/tokenizers `models/unigram/model.rs`. Unknown characters are returned one by one. The piece `excluded`, if given,
 * is not used.
 */
export function segment(word: string, model: UnigramModel, excluded?: string): string[] {
  const offsets = codePointOffsets(word);
  const length = offsets.length - 1;
  const best = new Float64Array(length + 1).fill(-Infinity);
  const from = new Int32Array(length + 1);
  best[0] = 0;
  const offer = (start: number, end: number, score: number): void => {
    const total = (best[start] ?? 0) + score;
    if (total > (best[end] ?? 0)) {
      best[end] = total;
      from[end] = start;
    }
  };
  for (let start = 0; start < length; start++) {
    const last = Math.min(length, start + model.longestPiece);
    for (let end = start + 1; end <= last; end++) {
      const piece = word.slice(offsets[start], offsets[end]);
      const score = piece === excluded ? undefined : model.scores.get(piece);
      if (score !== undefined) offer(start, end, score);
      else if (end === start + 1) offer(start, end, model.unknownScore);
    }
  }
  const pieces: string[] = [];
  for (let end = length; end > 0; end = from[end] ?? 0) {
    pieces.push(word.slice(offsets[from[end] ?? 0], offsets[end]));
  }
  return pieces.reverse();
}

/** SentencePiece's cost of an unknown character, below the least likely piece. */
const unknownPenalty = 10;

/**
 * Splits texts at white space and each word into its likeliest pieces, as transformers does with a T5 tokenizer that has
 * no normaliser (pre-tokenizers WhitespaceSplit and Metaspace of huggingface/tokenizers).
 */
export function wordSplitter(pieces: readonly Piece[]): (text: string) => string[] {
  const lowest = pieces.reduce((least, [, score]) => Math.min(least, score), 0);
  const model: UnigramModel = {
    scores: new Map(pieces),
    unknownScore: lowest - unknownPenalty,
    longestPiece: pieces.reduce(
      (longest, [piece]) => Math.max(longest, codePointOffsets(piece).length - 1),
      1,
    ),
  };
  return (text) =>
    text.split(/\p{White_Space}+/u).flatMap((word) => {
      if (word === "") return [];
      return segment(word.startsWith(wordStart) ? word : wordStart + word, model);
    });
}

/** UTF-16 offsets of a text's code points, and its end. */
export function codePointOffsets(text: string): number[] {
  const offsets = [0];
  let end = 0;
  for (const character of text) {
    end += character.length;
    offsets.push(end);
  }
  return offsets;
}
