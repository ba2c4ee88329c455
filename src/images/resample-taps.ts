/** How `resize` weights the pixels it reads. */
export type ResizeKernel = "nearest" | "linear" | "cubic" | "mitchell" | "lanczos2" | "lanczos3";

interface Filter {
  /** Where the weight becomes zero, in pixels of the coarser picture. */
  readonly support: number;
  /** The weight at a distance from the centre. */
  readonly weight: (x: number) => number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));
const lanczos = (lobes: number): Filter => ({
  support: lobes,
  weight: (x) => (x >= -lobes && x < lobes ? sinc(x) * sinc(x / lobes) : 0),
});

/**
 * Pillow's, from libImaging/Resample.c; and those of Mitchell and Netravali (1988), with B = C = 1/3, and Lanczos with two lobes.
 */
const FILTERS: Readonly<Record<Exclude<ResizeKernel, "nearest">, Filter>> = {
  linear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  cubic: {
    support: 2,
    weight: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5 : 0;
    },
  },
  mitchell: {
    support: 2,
    weight: (signed) => {
      const x = Math.abs(signed);
      if (x < 1) return ((7 * x - 12) * x * x + 16 / 3) / 6;
      return x < 2 ? (((-7 / 3) * x + 12) * x * x - 20 * x + 32 / 3) / 6 : 0;
    },
  },
  lanczos2: lanczos(2),
  lanczos3: lanczos(3),
};

/** A side that keeps its length. */
const SAME: Filter = { support: 0.5, weight: () => 1 };

/** Fractional bits of a weight. */
const PRECISION = 22;

/** The pixels of a row or column that make up each pixel of the resized one, with their weights. */
export interface Taps {
  /** The first pixel read, for each of the result. */
  readonly first: Int32Array;
  /** How many are read. */
  readonly count: Int32Array;
  /** Number of weights stored per pixel of the result. */
  readonly most: number;
  /** Fixed-point numbers with 22 fractional bits, `most` for each pixel of the result. */
  readonly weights: Int32Array;
}

/** Some of the pixels of a resized side, in a row. */
export interface Stretch {
  readonly start: number;
  readonly length: number;
}

/**
 * The taps of a side of `from` pixels that becomes one of `to`, or only of a stretch of it: centres are aligned, and the kernel of a
 * side that becomes shorter is widened in proportion. Arithmetic and rounding are those of Pillow's `precompute_coeffs`.
 */
export function tapsOf(
  kernel: Exclude<ResizeKernel, "nearest">,
  from: number,
  to: number,
  { start: begin, length }: Stretch = { start: 0, length: to },
): Taps {
  const { support, weight } = from === to ? SAME : FILTERS[kernel];
  const scale = from / to;
  const widened = Math.max(scale, 1);
  const reach = support * widened;
  const most = Math.min(Math.ceil(reach) * 2 + 1, from);
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * most);
  const row = new Float64Array(most);
  for (let pixel = 0; pixel < length; pixel++) {
    const centre = (begin + pixel + 0.5) * scale;
    const start = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const taps = Math.min(Math.trunc(centre + reach + 0.5), from) - start;
    let sum = 0;
    for (let i = 0; i < taps; i++) {
      row[i] = weight((i + start - centre + 0.5) * (1 / widened));
      sum += row[i] ?? 0;
    }
    for (let i = 0; i < taps; i++) {
      const share = ((row[i] ?? 0) / sum) * 2 ** PRECISION;
      weights[pixel * most + i] = Math.trunc(share < 0 ? share - 0.5 : share + 0.5);
    }
    first[pixel] = start;
    count[pixel] = taps;
  }
  return { first, count, most, weights };
}
