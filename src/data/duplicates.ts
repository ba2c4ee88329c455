import { createHash } from "node:crypto";
import type { RgbImage } from "../images/index.ts";

/** SHA-256 of size and pixels: equal for the same picture in two lossless formats. */
export const pixelHash = ({ width, height, data }: RgbImage): string =>
  createHash("sha256").update(`${width}x${height}\0`).update(data).digest("hex");

const SIDE = 16;
const WORDS = (SIDE * SIDE) / 16;
/** Out of 256 bits; below the number of words, so that two similar pictures share at least 6 of 16 words. */
const MOST_DIFFERENT_BITS = 10;
/** Two similar pictures share two words within one of these 5 runs, since they share 6 in all. */
const RUNS = [0, 4, 7, 10, 13, WORDS];
const PAIRS = RUNS.slice(1).flatMap((end, run) => pairsIn(RUNS[run] ?? 0, end));

function pairsIn(first: number, end: number): (readonly [number, number])[] {
  const run = Array.from({ length: end - first }, (_, i) => first + i);
  return run.flatMap((a) => run.filter((b) => b > a).map((b) => [a, b] as const));
}

/** Spreads neighbouring bits over the words, so that pictures on the same background differ in all of their words. */
const placeOf = (bit: number): number => (bit * 167) % (SIDE * SIDE);

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
    if (luma(at) - luma(at + 1) <= 1) continue;
    const place = placeOf(bit);
    hash[place >> 4] = (hash[place >> 4] ?? 0) | (1 << (place & 15));
  }
  return hash;
}

const BITS = Uint8Array.from({ length: 2 ** 16 }, (_, word) => {
  let count = 0;
  for (let bits = word; bits !== 0; bits &= bits - 1) count += 1;
  return count;
});

/** Most pairs differ early. */
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
 * Groups of pictures that look alike, as indices into the list: linked by pairs that differ in at most 10 of 256 bits. Of equal
 * ones only the first is compared, and only with pictures that share two words, since any such pair does.
 */
export function similarGroups(hashes: readonly Uint16Array[]): number[][] {
  const firsts = new Map<string, number>();
  const parent = hashes.map((hash, index) => {
    const key = String.fromCharCode(...hash);
    const first = firsts.get(key) ?? index;
    firsts.set(key, first);
    return first;
  });
  const rootOf = (index: number): number => {
    let at = index;
    while (parent[at] !== at) at = parent[at] as number;
    parent[index] = at;
    return at;
  };
  for (const words of PAIRS) {
    for (const [index, other] of sharing(words, hashes, [...firsts.values()])) {
      const [a, b] = [rootOf(index), rootOf(other)];
      parent[Math.max(a, b)] = Math.min(a, b);
    }
  }
  return equalGroups(hashes.map((_, index) => `${rootOf(index)}`));
}

/** The similar pairs among pictures that share two words. */
function* sharing(
  [i, j]: readonly [number, number],
  hashes: readonly Uint16Array[],
  indices: readonly number[],
): Generator<readonly [number, number]> {
  const byWords = new Map<number, number[]>();
  for (const index of indices) {
    const hash = hashes[index] as Uint16Array;
    const key = (hash[i] ?? 0) * 2 ** 16 + (hash[j] ?? 0);
    const others = byWords.get(key) ?? [];
    for (const other of others)
      if (isNear(hash, hashes[other] as Uint16Array)) yield [index, other];
    others.push(index);
    byWords.set(key, others);
  }
}
