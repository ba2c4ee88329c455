import { longestToken } from "./added-tokens.ts";
import type { Charsmap } from "./charsmap.ts";
import { type Piece, wordStart } from "./unigram.ts";

/** How a SentencePiece model prepares a text. */
export interface SentencePieceRules {
  readonly charsmap: Charsmap;
  /** A text begins with `▁`, as if white space preceded it. */
  readonly addDummyPrefix: boolean;
  /** Runs of spaces count as one, and those at the ends are removed. */
  readonly removeExtraWhitespaces: boolean;
  /** Pieces that are never split. */
  readonly userDefined: readonly string[];
}

interface TrieNode {
  readonly children: Map<number, TrieNode>;
  score?: number;
}

/** SentencePiece's cost of an unknown character, below the least likely piece. */
const unknownPenalty = 10;

/**
 * A Unigram model that splits texts exactly as google/sentencepiece does: `Normalizer::Normalize` of `src/normalizer.cc`, then
 * `Model::EncodeOptimized` of `src/unigram_model.cc`, which sums scores over the whole text in single precision. A lone surrogate
 * is read as U+FFFD.
 */
export class SentencePieceModel {
  readonly #rules: SentencePieceRules;
  readonly #symbolAt: (text: string, at: number) => string | undefined;
  readonly #trie: TrieNode = { children: new Map() };
  readonly #unknownScore: number;

  /** `pieces`: those that texts are split into, without the special tokens. */
  constructor(pieces: readonly Piece[], rules: SentencePieceRules) {
    this.#rules = rules;
    this.#symbolAt = longestToken(rules.userDefined);
    const symbols = new Set(rules.userDefined);
    let lowest = Infinity;
    let highest = 0; // not lower: the original starts from FLT_MIN, the smallest positive number
    for (const [piece, score] of pieces) {
      if (symbols.has(piece)) continue;
      lowest = Math.min(lowest, score);
      highest = Math.max(highest, score);
    }
    this.#unknownScore = Math.fround(lowest - unknownPenalty);
    for (const [piece, score] of pieces) {
      const symbolScore = Buffer.byteLength(piece) * highest - 0.1;
      this.#add(piece, symbols.has(piece) ? symbolScore : score);
    }
  }

  /** The pieces of a text, and one entry for each character that no piece covers. */
  split(text: string): string[] {
    return this.#segment(this.normalize(text));
  }

  /** The text for look-up: characters replaced by the character map, spaces by `▁`. */
  normalize(text: string): string {
    const { addDummyPrefix, removeExtraWhitespaces } = this.#rules;
    const bytes = Buffer.from(text);
    if (bytes.length === 0) return "";
    const wellFormed = bytes.toString();
    let normalized = addDummyPrefix ? wordStart : "";
    let afterSpace = removeExtraWhitespaces;
    let at = 0; // in UTF-16 units
    for (let byte = 0; byte < bytes.length; ) {
      const match = this.#match(wellFormed, at, bytes, byte);
      byte += match.length;
      for (let passed = 0; passed < match.length; ) {
        const code = wellFormed.codePointAt(at) ?? 0;
        at += code > 0xffff ? 2 : 1;
        passed += code > 0xffff ? 4 : code > 0x7ff ? 3 : code > 0x7f ? 2 : 1;
      }
      const { replacement } = match;
      const added = afterSpace ? replacement.replace(/^ +/, "") : replacement;
      if (added === "") continue;
      normalized += added;
      afterSpace = removeExtraWhitespaces && added.endsWith(" ");
    }
    normalized = normalized.replaceAll(" ", wordStart);
    if (!removeExtraWhitespaces) return normalized;
    let end = normalized.length;
    while (normalized[end - 1] === wordStart) end--;
    return normalized.slice(0, end);
  }

  /** The bytes to replace at a position, at least one character, and their replacement. */
  #match(text: string, at: number, bytes: Uint8Array, byte: number) {
    const symbol = this.#symbolAt(text, at);
    if (symbol !== undefined) return { length: Buffer.byteLength(symbol), replacement: symbol };
    const rule = this.#rules.charsmap.match(bytes, byte);
    if (rule !== undefined) return rule;
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    return { length: Buffer.byteLength(character), replacement: character };
  }

  #add(piece: string, score: number): void {
    let node = this.#trie;
    for (let at = 0; at < piece.length; at++) {
      const unit = piece.charCodeAt(at);
      let child = node.children.get(unit);
      if (child === undefined) {
        child = { children: new Map() };
        node.children.set(unit, child);
      }
      node = child;
    }
    node.score = score;
  }

  /** The best way to split a normalised text; if two are equally good, the longer last piece wins. */
  #segment(text: string): string[] {
    const best = new Float32Array(text.length + 1); // rounds every sum as SentencePiece's floats do
    const from = new Int32Array(text.length + 1).fill(-1);
    const offer = (start: number, end: number, total: number): void => {
      if (from[end] === -1 || total > (best[end] ?? 0)) {
        best[end] = total;
        from[end] = start;
      }
    };
    for (let start = 0; start < text.length; ) {
      const next = start + ((text.codePointAt(start) ?? 0) > 0xffff ? 2 : 1);
      const before = best[start] ?? 0;
      let node: TrieNode | undefined = this.#trie;
      let isKnown = false;
      for (let end = start; end < text.length; ) {
        node = node.children.get(text.charCodeAt(end++));
        if (node === undefined) break;
        if (node.score === undefined) continue;
        offer(start, end, Math.fround(node.score + before));
        isKnown ||= end === next;
      }
      if (!isKnown) offer(start, next, Math.fround(this.#unknownScore + before));
      start = next;
    }
    const pieces: string[] = [];
    for (let end = text.length; end > 0; end = from[end] ?? 0) {
      pieces.push(text.slice(from[end], end));
    }
    return pieces.reverse();
  }
}
