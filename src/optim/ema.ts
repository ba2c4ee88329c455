import { IncompatibleError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** Settings of an {@link Ema}. */
export interface EmaOptions {
  readonly decay: number;
  /** Lets the decay rise as (1 + n) / (10 + n), so that early averages are not dominated by the initialisation. */
  readonly warmup: boolean;
}

/** The decay of update n (0-based). */
export const emaDecay = ({ decay, warmup }: EmaOptions, update: number): number =>
  warmup ? Math.min(decay, (1 + update) / (10 + update)) : decay;

/** An exponential moving average of parameters, updated by one foreach operator. */
export class Ema {
  readonly #options: EmaOptions;
  readonly #names: readonly string[];
  readonly #parameters: readonly Tensor[];
  readonly #averages: readonly Tensor[];

  /** Starts as a copy of the parameters. */
  constructor(parameters: ReadonlyMap<string, Tensor>, options: EmaOptions) {
    this.#options = options;
    this.#names = [...parameters.keys()];
    this.#parameters = [...parameters.values()];
    this.#averages = torch.noGrad(() => this.#parameters.map((p) => torch.keep(p.clone())));
  }

  /** Moves the averages towards the parameters. `update` counts from 0 and makes the warm-up resumable. */
  update(update: number): void {
    const weight = 1 - emaDecay(this.#options, update);
    torch.noGrad(() => torch.foreachLerp_(this.#averages, this.#parameters, weight));
  }

  /** The averages by parameter name; the EMA's own tensors, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#names.map((name, i) => [name, this.#averages[i] as Tensor]));
  }

  /** Loads what {@link stateDict} returned. Throws if an average is missing. */
  loadStateDict(state: ReadonlyMap<string, Tensor>): void {
    torch.noGrad(() => {
      for (const [name, average] of this.stateDict()) {
        const saved = state.get(name);
        if (saved === undefined) throw new IncompatibleError(`The saved averages lack ${name}`);
        average.copy_(saved);
      }
    });
  }

  /** Runs `body` with the averages in place of the parameters, which are always restored. */
  async swapped<T>(body: () => Promise<T>): Promise<T> {
    this.#exchange();
    try {
      return await body();
    } finally {
      this.#exchange();
    }
  }

  /** The same for a synchronous `body`. */
  during<T>(body: () => T): T {
    this.#exchange();
    try {
      return body();
    } finally {
      this.#exchange();
    }
  }

  /** One at a time: a copy of all of them might not fit. */
  #exchange(): void {
    torch.noGrad(() => {
      for (const [i, average] of this.#averages.entries()) {
        torch.tidy(() => {
          const parameter = this.#parameters[i] as Tensor;
          const kept = parameter.clone();
          parameter.copy_(average);
          average.copy_(kept);
        });
      }
    });
  }

  dispose(): void {
    for (const average of this.#averages) average.dispose();
  }
}
