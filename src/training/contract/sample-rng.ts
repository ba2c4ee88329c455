import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/**
 * The random numbers of a batch. Every sample draws from a stream of its own, named by the run's seed, a purpose and the
 * sample's position in the stage: what a sample gets does not depend on its batch, its rank or where a run was resumed.
 */
export class SampleRng {
  #positions: readonly number[];
  #generators: readonly torch.Generator[];

  constructor(seed: number, purpose: string, positions: readonly number[]) {
    this.#positions = positions;
    this.#generators = positions.map((position) => torch.stream(seed, purpose, position));
  }

  /** Where each sample stands in the stage. */
  get positions(): readonly number[] {
    return this.#positions;
  }

  /** The draws of a batch that has the samples of both, these first; their streams go on as one. */
  joined(other: SampleRng): SampleRng {
    const both = new SampleRng(0, "", []);
    both.#positions = [...this.#positions, ...other.#positions];
    both.#generators = [...this.#generators, ...other.#generators];
    return both;
  }

  /** (B, …): what `draw` makes of each sample's stream, which is to be of one shape. */
  each(draw: (generator: torch.Generator) => Tensor): Tensor {
    return torch.tidy(() => torch.stack(this.#generators.map(draw)));
  }

  /** (B, ...shape) standard normal: the same numbers on every device. */
  normal(shape: readonly number[], device: torch.Device = "cpu"): Tensor {
    return torch.tidy(() =>
      this.each((generator) => torch.randn(shape, { generator })).to({ device }),
    );
  }

  /** One number in [0, 1) a sample. */
  uniform(): number[] {
    return Array.from(this.each((generator) => torch.rand([1], { generator })).toFloat32Array());
  }

  /** One integer in [0, high) a sample. */
  integers(high: number): number[] {
    return this.#generators.map((generator) =>
      torch.tidy(() => torch.randint(0, high, [1], { generator, dtype: "int64" }).item()),
    );
  }
}

/** Which sample stands at which position of a stage: a function of the run's seed, so that a run resumes at any position. */
export interface Order {
  /** The sample's number. */
  at(position: number): number;
}

/** Epoch after epoch, each a permutation that is a function of the seed and the epoch's number. */
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

  /** The sample's number, 0 to count − 1. */
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
