import type { JsonValue } from "../contract/checkpoint-manifest.ts";
import { BANDS, bandOf, type TimestepLoss } from "../contract/timestep-bands.ts";
import { median } from "../progress/median.ts";

/** Defines when a step's loss is a spike. */
export interface SpikeOptions {
  /** Multiple of the usual loss. */
  readonly factor: number;
  /** Number of steps that define the usual loss; until there are that many, nothing is a spike. */
  readonly window: number;
}

/** One step's losses: sum and count per band, in a JSON-compatible form. */
type StepLosses = readonly [sums: readonly number[], counts: readonly number[]];

/**
 * Detects loss spikes. A diffusion model's loss at small timesteps is many times that at large ones, and a small batch draws few
 * timesteps, so the loss is compared with what is usual at its timesteps: it is divided by the average loss of its bands in the
 * window, and that ratio is compared with its median over the window. stage-loop.ts reacts to a spike: it rolls the run back.
 */
export class SpikeGuard {
  readonly #options: SpikeOptions;
  #window: StepLosses[] = [];

  constructor(options: SpikeOptions) {
    this.#options = options;
  }

  /** How many times the usual loss this step's losses are, if that makes it a spike. */
  spikeOf(losses: readonly TimestepLoss[]): number | undefined {
    const { factor, window } = this.#options;
    if (this.#window.length < window) return undefined;
    const usual = this.#usualByBand();
    const ratio =
      relative(stepOf(losses), usual) / median(this.#window.map((step) => relative(step, usual)));
    return ratio > factor ? ratio : undefined;
  }

  /** Adds a step without a spike to the window. */
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

  /** Restores what {@link state} returned. */
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

/** A step's loss as a multiple of the usual loss at its timesteps; 1 if that is 0, as for memorized pictures. */
function relative([sums, counts]: StepLosses, usual: readonly number[]): number {
  const expected = counts.reduce((sum, count, band) => sum + count * (usual[band] ?? 0), 0);
  return expected === 0 ? 1 : sumOf(sums) / expected;
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
