import type { JsonValue } from "../contract/checkpoint-manifest.ts";
import { BANDS, bandOf, type TimestepLoss } from "../contract/timestep-bands.ts";

/** When a step's loss is a spike. */
export interface SpikeOptions {
  /** How many times the usual. */
  readonly factor: number;
  /** Steps that say what is usual; before there are so many, nothing is a spike. */
  readonly window: number;
}

/** One step's losses: sum and number in each band, and so JSON. */
type StepLosses = readonly [sums: readonly number[], counts: readonly number[]];

/**
 * Detects loss spikes. What is usual at its timesteps counts, since a diffusion model's loss at small ones is many
 * times that at large ones and a small batch draws few: the loss is divided by what its bands' losses are on average in
 * the window, and compared with the median of that ratio over the window.
 */
export class SpikeGuard {
  readonly #options: SpikeOptions;
  #window: StepLosses[] = [];

  constructor(options: SpikeOptions) {
    this.#options = options;
  }

  /** How many times the usual these losses of a step are where that makes a spike. */
  spikeOf(losses: readonly TimestepLoss[]): number | undefined {
    const { factor, window } = this.#options;
    if (this.#window.length < window) return undefined;
    const usual = this.#usualByBand();
    const ratio =
      relative(stepOf(losses), usual) / median(this.#window.map((step) => relative(step, usual)));
    return ratio > factor ? ratio : undefined;
  }

  /** Takes a step that was no spike into the window. */
  add(losses: readonly TimestepLoss[]): void {
    this.#window.push(stepOf(losses));
    if (this.#window.length > this.#options.window) this.#window.shift();
  }

  #usualByBand(): number[] {
    const total = (list: readonly StepLosses[], part: 0 | 1, band: number): number =>
      list.reduce((sum, step) => sum + (step[part][band] ?? 0), 0);
    const bands = Array.from({ length: BANDS }, (_, band) => band);
    const sums = bands.map((band) => total(this.#window, 0, band));
    const counts = bands.map((band) => total(this.#window, 1, band));
    const all = sumOf(sums) / sumOf(counts);
    return bands.map((band) => {
      const count = counts[band] ?? 0;
      return count === 0 ? all : (sums[band] ?? 0) / count;
    });
  }

  state(): JsonValue {
    return this.#window.map(([sums, counts]) => [[...sums], [...counts]]);
  }

  /** Takes what {@link state} gave. */
  restore(state: JsonValue): void {
    this.#window = structuredClone(state) as unknown as StepLosses[];
  }
}

function stepOf(losses: readonly TimestepLoss[]): StepLosses {
  const sums = Array<number>(BANDS).fill(0);
  const counts = Array<number>(BANDS).fill(0);
  for (const { loss, timestep } of losses) {
    const band = bandOf(timestep, BANDS);
    sums[band] = (sums[band] ?? 0) + loss;
    counts[band] = (counts[band] ?? 0) + 1;
  }
  return [sums, counts];
}

/** A step's loss as a multiple of the usual at its timesteps; 1 where that is 0, as of pictures learnt by heart. */
function relative([sums, counts]: StepLosses, usual: readonly number[]): number {
  const expected = counts.reduce((sum, count, band) => sum + count * (usual[band] ?? 0), 0);
  return expected === 0 ? 1 : sumOf(sums) / expected;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
}
