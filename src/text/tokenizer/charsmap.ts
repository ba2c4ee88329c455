import { InvalidValueError } from "../../errors/index.ts";

/** The longest rule that matches at a position of a text. */
export interface CharsmapMatch {
  /** Bytes that the rule replaces. */
  readonly length: number;
  readonly replacement: string;
}

/**
 * SentencePiece's precompiled character map: rules that replace a few bytes of UTF-8 by others (`nmt_nfkc` is NFKC with unified
 * white space and without control characters). The blob is the byte length of a double-array trie as a 32-bit little-endian
 * number, the trie, and the replacements, each terminated by a zero byte (google/sentencepiece `src/normalizer.cc`; the trie is
 * s-yata/darts-clone `include/darts.h`).
 */
export class Charsmap {
  readonly blob: Uint8Array;
  readonly #trie: Uint32Array;
  readonly #replacements: Buffer;
  readonly #texts = new Map<number, string>();

  /** An empty blob has no rules. Throws a RangeError that says what is wrong with a damaged blob. */
  constructor(blob: Uint8Array) {
    const bytes = Buffer.from(blob);
    this.blob = bytes;
    const size = bytes.length < 4 ? 0 : bytes.readUInt32LE(0);
    const isWhole = size > 0 && size % 4 === 0 && 4 + size < bytes.length && bytes.at(-1) === 0;
    if (bytes.length > 0 && !isWhole) {
      throw new InvalidValueError(
        `${bytes.length} bytes for a trie of ${size} and its replacements`,
      );
    }
    this.#trie = Uint32Array.from({ length: size / 4 }, (_, unit) =>
      bytes.readUInt32LE(4 + 4 * unit),
    );
    this.#replacements = bytes.subarray(4 + size);
    requireShort(this.#replacements);
  }

  /** The longest rule for the UTF-8 bytes from `start` on. */
  match(text: Uint8Array, start: number): CharsmapMatch | undefined {
    // A unit contains a label, the distance to its children (XOR), and whether the first of them is a value.
    let unit = this.#trie[0];
    if (unit === undefined) return undefined;
    let node = childrenOf(0, unit);
    let length = 0;
    let value = 0;
    for (let at = start; at < text.length; at++) {
      const byte = text[at] ?? 0;
      node ^= byte;
      unit = this.#trie[node];
      if (unit === undefined || (unit & 0x800000ff) !== byte) break;
      node = childrenOf(node, unit);
      if (unit & 0x100) {
        length = at + 1 - start;
        value = (this.#trie[node] ?? 0) & 0x7fffffff;
      }
    }
    return length === 0 ? undefined : { length, replacement: this.#textAt(value) };
  }

  #textAt(value: number): string {
    let text = this.#texts.get(value);
    if (text === undefined) {
      text = this.#replacements.toString("utf8", value, this.#replacements.indexOf(0, value));
      this.#texts.set(value, text);
    }
    return text;
  }
}

/** Bytes of a replacement: NFKC's longest has 33. Longer ones could turn a caption into gigabytes. */
const LONGEST_REPLACEMENT = 256;

function requireShort(replacements: Buffer): void {
  for (let start = 0; start < replacements.length; ) {
    const end = replacements.indexOf(0, start);
    if (end - start > LONGEST_REPLACEMENT) {
      throw new InvalidValueError(
        `a replacement of ${end - start} bytes, more than ${LONGEST_REPLACEMENT}`,
      );
    }
    start = end + 1;
  }
}

function childrenOf(node: number, unit: number): number {
  return node ^ ((unit >>> 10) << ((unit & 0x200) >>> 6));
}
