import { createHash } from "node:crypto";
import type { RgbImage } from "../images/index.ts";

/** SHA-256 of size and pixels: equal for the same picture in two lossless formats. */
export const pixelHash = ({ width, height, data }: RgbImage): string =>
  createHash("sha256").update(`${width}x${height}\0`).update(data).digest("hex");

const SIDE = 16;
const WORDS = (SIDE * SIDE) / 16;
/** Out of 256 bits; below the number of words, so that two similar pictures share at least one whole word. */
const MOST_DIFFERENT_BITS = 10;

/**
 * A picture's appearance in 256 bits: whether each of 16×16 points is brighter than the one to its right (dHash). It hardly
 * changes under scaling, compression and slight colour changes.
 */
export async function differenceHash(image: RgbImage): Promise<Uint16Array> {
  const small = await image.resize(SIDE + 1, SIDE, "linear", "fill");
  const luma = (at: number): number => {
    const [r = 0, g = 0, b = 0] = small.data.subarray(at * 3, at * 3 + 3);
    return r * 0.299 + g * 0.587 + b * 0.114;
  };
  const hash = new Uint16Array(WORDS);
  for (let bit = 0; bit < SIDE * SIDE; bit += 1) {
    const at = Math.floor(bit / SIDE) * (SIDE + 1) + (bit % SIDE);
    // Flat areas are noisy after compression: a point must be brighter by more than one level.
    if (luma(at) - luma(at + 1) > 1) hash[bit >> 4] = (hash[bit >> 4] ?? 0) | (1 << (bit & 15));
  }
  return hash;
}

const BITS = Uint8Array.from({ length: 2 ** 16 }, (_, word) => {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count += 1;
  return count;
});

/** Most pairs differ early: pictures on a blank background share words with all others. */
function isNear(a: Uint16Array, b: Uint16Array): boolean {
  let count = 0;
  for (let word = 0; word < WORDS && count <= MOST_DIFFERENT_BITS; word += 1) {
    count += BITS[(a[word] as number) ^ (b[word] as number)] as number;
  }
  return count <= MOST_DIFFERENT_BITS;
}

/** Groups of two or more equal keys, as indices into the list. */
export function equalGroups(keys: readonly string[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [index, key] of keys.entries()) {
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  }
  return [...groups.values()].filter(({ length }) => length > 1);
}

/**
 * Groups of pictures that look alike, as indices into the list: linked by pairs that differ in at most 10 of 256 bits. Only
 * pictures that share a word are compared, since any such pair does.
 */
export function similarGroups(hashes: readonly Uint16Array[]): number[][] {
  const parent = hashes.map((_, index) => index);
  const rootOf = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] as number;
    parent[index] = at;
    return at;
  };
  for (let word = 0; word < WORDS; word += 1) {
    const byWord = new Map<number, number[]>();
    for (const [index, hash] of hashes.entries()) {
      const others = byWord.get(hash[word] ?? 0) ?? [];
      for (const other of others) {
        if (!isNear(hash, hashes[other] as Uint16Array)) continue;
        const [a, b] = [rootOf(index), rootOf(other)];
        parent[Math.max(a, b)] = Math.min(a, b);
      }
      others.push(index);
      byWord.set(hash[word] ?? 0, others);
    }
  }
  return equalGroups(hashes.map((_, index) => `${rootOf(index)}`));
}
