/** Seeded random numbers: xoshiro128** 1.1 (Blackman and Vigna, 2018, arXiv 1805.01407), which needs no engine. */
export class Random {
  readonly #state: Uint32Array;

  /** @param words the generator's state; not all zero */
  constructor(words: readonly [number, number, number, number]) {
    this.#state = Uint32Array.from(words);
  }

  /** A separate stream for each list of integers. */
  static of(...seeds: readonly number[]): Random {
    let hash = 0;
    // In two halves, because a seed may be larger than 32 bits.
    for (const seed of seeds) {
      hash = mixed((hash + WEYL) ^ (seed >>> 0));
      hash = mixed((hash + WEYL) ^ Math.floor(seed / 2 ** 32));
    }
    const next = (): number => {
      hash = (hash + WEYL) >>> 0;
      return mixed(hash);
    };
    return new Random([next(), next(), next(), next() | 1]);
  }

  /** 32 random bits. */
  next(): number {
    const s = this.#state;
    const [a = 0, b = 0, c = 0, d = 0] = s;
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    s[2] = c ^ a;
    s[3] = d ^ b;
    s[1] = b ^ c ^ a;
    s[0] = a ^ d ^ b;
    s[2] ^= b << 9;
    s[3] = rotated(d ^ b, 11);
    return result;
  }

  /** In the open interval from 0 to 1, so that its logarithm is finite and not 0. */
  uniform(): number {
    return (this.next() + 0.5) / 2 ** 32;
  }

  exponential(mean: number): number {
    return -mean * Math.log(this.uniform());
  }

  /** The largest of `count` independent exponential random numbers of mean 1. Its mean is 1 + 1/2 + … + 1/count. */
  largestExponential(count: number): number {
    // The largest is below x with probability (1 − e^−x)^count; log1p and expm1 keep the tail's digits for a large count.
    return -Math.log(-Math.expm1(Math.log(this.uniform()) / count));
  }
}

/** 2^32 over the golden ratio, so that a zero is not mixed into a zero. */
const WEYL = 0x9e3779b9;

const rotated = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** MurmurHash3's finalizer. */
function mixed(word: number): number {
  let h = word >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
