import { expected } from "../../errors/index.ts";
import { codePointOffsets, type Piece, segment, type UnigramModel, wordStart } from "./unigram.ts";

export interface UnigramTrainerOptions {
  /** Most entries to keep, including special tokens. Fewer are returned if the texts offer fewer. */
  readonly vocabSize: number;
  /** Come first, with score 0, and are not text: in texts, they separate words. */
  readonly specialTokens: readonly string[];
}

/** A piece is made of letters, of digits or of other signs, so that "fox" and "fox," share one. */
const pieceShape = /^▁?(?:[\p{L}\p{M}]+|\p{N}+|[^\p{L}\p{M}\p{N}▁]+)$/u;
const longestPiece = 16; // code points, as in SentencePiece
const longestWord = 1000; // code points; longer words are corrupt data and only contribute their characters
const seedsPerPiece = 20;
const emRoundsPerPruning = 2;
const keptPerPruning = 0.75;
const fewestUses = 0.5;

/** A word of the texts, the UTF-16 offsets of its code points and of its end, and how often it occurs. */
interface Word {
  readonly text: string;
  readonly offsets: readonly number[];
  readonly count: number;
}

/** Log-probability of each piece. */
type Scores = Map<string, number>;

/**
 * Trains a Unigram language model over sub-words by expectation-maximisation and pruning: Kudo 2018, "Subword Regularization",
 * section 3.2, with the Bayesian M-step of google/sentencepiece `src/unigram_model_trainer.cc`. Returns the special tokens, then
 * the pieces, likeliest first. Every character of the texts stays a piece. The order of the texts does not matter. Throws if
 * `vocabSize` cannot hold the special tokens and the characters.
 */
export function trainUnigram(texts: readonly string[], options: UnigramTrainerOptions): Piece[] {
  const { vocabSize, specialTokens } = options;
  const allWords = countWords(texts, specialTokens);
  const characters = new Set(allWords.flatMap((word) => [...word.text]));
  const words = allWords.filter((word) => word.offsets.length <= longestWord);
  const fewest = specialTokens.length + characters.size;
  if (!Number.isInteger(vocabSize) || vocabSize < fewest) {
    throw expected(
      `an integer of at least ${fewest} (${specialTokens.length} special tokens and the ${characters.size} characters of the texts)`,
      "vocabSize",
      vocabSize,
    );
  }
  const size = vocabSize - specialTokens.length;
  let scores = seedScores(words, characters, size * seedsPerPiece);
  for (;;) {
    for (let round = 0; round < emRoundsPerPruning; round++) {
      scores = maximise(expectedUses(words, scores), characters);
    }
    if (scores.size <= size) break;
    const smaller = Math.max(size, Math.floor(scores.size * keptPerPruning));
    scores = prune(words, scores, characters, smaller);
  }
  return [
    ...specialTokens.map((token): Piece => [token, 0]),
    ...[...scores].map(roundScore).sort(byScore),
  ];
}

function countWords(texts: readonly string[], separators: readonly string[]): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) {
    const cleaned = separators
      .reduce((rest, separator) => rest.replaceAll(separator, " "), text)
      .replace(/\p{Surrogate}/gu, "\ufffd"); // a lone surrogate cannot be written to a file
    for (const run of cleaned.split(/[\p{White_Space}▁]+/u)) {
      if (run === "") continue;
      const word = wordStart + run;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return [...counts]
    .sort(([a], [b]) => compareText(a, b))
    .map(([text, count]) => ({ text, offsets: codePointOffsets(text), count }));
}

/** Every character and the substrings that cover the most text, scored by their share of it. */
function seedScores(
  words: readonly Word[],
  characters: ReadonlySet<string>,
  limit: number,
): Scores {
  const seen = new Map<string, { count: number; length: number }>();
  for (const word of words) {
    forEachSpan(word, (piece, start, end) => {
      const entry = seen.get(piece);
      if (entry === undefined) seen.set(piece, { count: word.count, length: end - start });
      else entry.count += word.count;
    });
  }
  const substrings = [...seen]
    .filter(([piece, { count, length }]) => length > 1 && count > 1 && pieceShape.test(piece))
    .map(([piece, { count, length }]): Piece => [piece, count * length])
    .sort(byScore);
  const shares = [
    ...[...characters].map((character): Piece => [character, seen.get(character)?.count ?? 1]),
    ...substrings.slice(0, limit),
  ];
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  return new Map(shares.map(([piece, share]) => [piece, Math.log(share / total)]));
}

/** E-step: how often each piece is used, averaged over all segmentations of all words (forward-backward). */
function expectedUses(words: readonly Word[], scores: Scores): Map<string, number> {
  const uses = new Map<string, number>();
  for (const word of words) {
    const length = word.offsets.length - 1;
    const spans: { piece: string; start: number; end: number; score: number }[] = [];
    forEachSpan(word, (piece, start, end) => {
      const score = scores.get(piece);
      if (score !== undefined) spans.push({ piece, start, end, score });
    });
    const forward = new Array<number>(length + 1).fill(-Infinity);
    const backward = new Array<number>(length + 1).fill(-Infinity);
    forward[0] = 0;
    backward[length] = 0;
    for (const { start, end, score } of spans) {
      forward[end] = logAdd(at(forward, end), at(forward, start) + score);
    }
    for (const { start, end, score } of spans.toReversed()) {
      backward[start] = logAdd(at(backward, start), at(backward, end) + score);
    }
    for (const { piece, start, end, score } of spans) {
      const share = at(forward, start) + score + at(backward, end) - at(forward, length);
      uses.set(piece, (uses.get(piece) ?? 0) + word.count * Math.exp(share));
    }
  }
  return uses;
}

/** M-step: posterior mean log-probabilities under a sparse Dirichlet prior; pieces that are hardly used are removed. */
function maximise(uses: ReadonlyMap<string, number>, characters: ReadonlySet<string>): Scores {
  const kept = new Map([...characters].map((character) => [character, fewestUses]));
  for (const [piece, count] of uses) {
    if (count >= fewestUses) kept.set(piece, count);
  }
  const logTotal = digamma([...kept.values()].reduce((sum, count) => sum + count, 0));
  return new Map([...kept].map(([piece, count]) => [piece, digamma(count) - logTotal]));
}

/** Keeps the characters, and the other pieces whose removal would make the words least likely. */
function prune(
  words: readonly Word[],
  scores: Scores,
  characters: ReadonlySet<string>,
  size: number,
): Scores {
  const model: UnigramModel = { scores, unknownScore: -Infinity, longestPiece };
  const uses = new Map<string, number>();
  for (const { text, count } of words) {
    for (const piece of segment(text, model)) uses.set(piece, (uses.get(piece) ?? 0) + count);
  }
  const total = [...uses.values()].reduce((sum, count) => sum + count, 0);
  const losses: Piece[] = [];
  for (const piece of scores.keys()) {
    if (characters.has(piece)) continue;
    const count = uses.get(piece) ?? 0;
    if (count === 0) {
      losses.push([piece, 0]);
      continue;
    }
    // Without the piece, its uses go to the pieces that replace it, which also increases the total.
    const replacement = segment(piece, model, piece);
    const logTotal = Math.log(total + count * (replacement.length - 1));
    const replacementScore = replacement
      .map((part) => Math.log((uses.get(part) ?? 0) + count) - logTotal)
      .reduce((sum, score) => sum + score, 0);
    losses.push([piece, count * (Math.log(count / total) - replacementScore)]);
  }
  const kept = losses.sort(byScore).slice(0, size - characters.size);
  return new Map(
    [...characters, ...kept.map(([piece]) => piece)].map((piece) => [
      piece,
      scores.get(piece) ?? 0,
    ]),
  );
}

/** Calls `visit` for every substring of at most `longestPiece` code points, in order of its start. */
function forEachSpan(
  { text, offsets }: Word,
  visit: (piece: string, start: number, end: number) => void,
): void {
  for (let start = 0; start < offsets.length - 1; start++) {
    const last = Math.min(offsets.length - 1, start + longestPiece);
    for (let end = start + 1; end <= last; end++) {
      visit(text.slice(offsets[start], offsets[end]), start, end);
    }
  }
}

function at(values: readonly number[], index: number): number {
  return values[index] ?? Number.NaN;
}

function logAdd(a: number, b: number): number {
  const larger = Math.max(a, b);
  return larger === -Infinity ? larger : larger + Math.log1p(Math.exp(Math.min(a, b) - larger));
}

/** d/dx ln Γ(x) for x > 0: recurrence up to 7, then the asymptotic series (Abramowitz and Stegun, 6.3.18). */
function digamma(x: number): number {
  let value = 0;
  let y = x;
  for (; y < 7; y++) value -= 1 / y;
  const inverse = 1 / (y * y);
  const series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse / 240)));
  return value + Math.log(y) - 0.5 / y - series;
}

/** Six decimals survive every JSON parser unchanged. */
function roundScore([piece, score]: Piece): Piece {
  return [piece, Number(score.toFixed(6))];
}

function byScore(a: Piece, b: Piece): number {
  return b[1] - a[1] || compareText(a[0], b[0]);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
