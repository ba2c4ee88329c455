import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/**
 * Random numbers for a batch. Every sample draws from its own stream, keyed by the run's seed, a purpose and the sample's
 * position in the stage. A sample's numbers therefore do not depend on its batch, its rank or where a run was resumed.
 */
export class SampleRng {
  #positions: readonly number[];
  #generators: readonly torch.Generator[];

  constructor(seed: number, purpose: string, positions: readonly number[]) {
    this.#positions = positions;
    this.#generators = positions.map((position) => torch.stream(seed, purpose, position));
  }

  /** Each sample's position in the stage. */
  get positions(): readonly number[] {
    return this.#positions;
  }

  /** Random numbers for the joined batch, own samples first. The streams are shared with both originals. */
  joined(other: SampleRng): SampleRng {
    const both = new SampleRng(0, "", []);
    both.#positions = [...this.#positions, ...other.#positions];
    both.#generators = [...this.#generators, ...other.#generators];
    return both;
  }

  /** (B, …): what `draw` returns for each sample's stream; all results must have the same shape. */
  each(draw: (generator: torch.Generator) => Tensor): Tensor {
    return torch.tidy(() => torch.stack(this.#generators.map(draw)));
  }

  /** (B, ...shape) standard normal; the same numbers on every device. */
  normal(shape: readonly number[], device: torch.Device = "cpu"): Tensor {
    return torch.tidy(() =>
      this.each((generator) => torch.randn(shape, { generator })).to({ device }),
    );
  }

  /** One number in [0, 1) per sample. */
  uniform(): number[] {
    return Array.from(this.each((generator) => torch.rand([1], { generator })).toFloat32Array());
  }

  /** One integer in [0, high) per sample. */
  integers(high: number): number[] {
    return this.#generators.map((generator) =>
      torch.tidy(() => torch.randint(0, high, [1], { generator, dtype: "int64" }).item()),
    );
  }
}

/** Which sample is at which position of a stage: a function of the run's seed, so a run can resume at any position. */
export interface Order {
  /** The sample's index. */
  at(position: number): number;
}

/** Consecutive epochs, each a permutation that depends only on the seed and the epoch number. */
export class SampleOrder implements Order {
  readonly #seed: number;
  readonly #purpose: string;
  readonly #count: number;
  #epoch = -1;
  #permutation: BigInt64Array = new BigInt64Array();

  constructor(seed: number, purpose: string, count: number) {
    if (count < 1) throw expected("at least one sample", purpose, count);
    this.#seed = seed;
    this.#purpose = purpose;
    this.#count = count;
  }

  /** The sample's index, 0 to count − 1. */
  at(position: number): number {
    const epoch = Math.floor(position / this.#count);
    if (epoch !== this.#epoch) {
      this.#permutation = torch.tidy(() => {
        const generator = torch.stream(this.#seed, this.#purpose, epoch);
        return torch
          .randperm(this.#count, { generator, dtype: "int64" })
          .toTypedArray() as BigInt64Array;
      });
      this.#epoch = epoch;
    }
    return Number(this.#permutation[position % this.#count]);
  }
}
