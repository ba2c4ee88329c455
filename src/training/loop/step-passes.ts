import type { ResolvedStage } from "../../config/index.ts";
import type { World } from "../../distributed/index.ts";
import type { Ema } from "../../optim/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { inPrecision } from "./in-precision.ts";
import type { StageBatches } from "./stage-batches.ts";
import { StepLosses } from "./step-losses.ts";

const seconds = (since: number): number => (performance.now() - since) / 1000;

/** What {@link StepPasses} works with. */
export interface PassesOptions {
  readonly stage: ResolvedStage;
  readonly world: World;
  /** Trained parameters, by key. */
  readonly trainable: ReadonlyMap<string, Tensor>;
  readonly batches: StageBatches;
  readonly ema: Ema | undefined;
  readonly device: torch.Device;
  /** Per step, over all processes. */
  readonly count: number;
}

/** Outcome of a step's passes. */
export interface StepResult {
  /** Of this process's passes. */
  readonly losses: StepLosses;
  /** Seconds. */
  readonly time: { readonly data: number; readonly forward: number; readonly backward: number };
}

/** The forward and backward passes of a step. Each process computes its own; gradients are averaged over all. */
export class StepPasses {
  readonly #options: PassesOptions;
  readonly #reducer: torch.GradientReducer | undefined;

  constructor(options: PassesOptions) {
    this.#options = options;
    this.#reducer = options.world.reducer(options.trainable);
  }

  /** Per step, over all processes. */
  get count(): number {
    return this.#options.count;
  }

  /** Adds the gradients of the step after `step` to those of the weights. */
  async run(step: number): Promise<StepResult> {
    const { stage, world, batches, ema, device, count } = this.#options;
    const time = { data: 0, forward: 0, backward: 0 };
    const losses = new StepLosses(count);
    const own = batches.own();
    for (const micro of own) {
      const waiting = performance.now();
      const { ids, batch } = await batches.take(step, micro);
      time.data += seconds(waiting);
      // Gradients are sent in the last pass, once they are complete.
      if (micro === own.at(-1)) this.#reducer?.announce();
      torch.tidy(() => {
        const start = performance.now();
        const result = inPrecision(stage, device, () =>
          batch.loss((body) => (ema === undefined ? body() : ema.during(body))),
        );
        time.forward += seconds(start);
        const middle = performance.now();
        // The processes' gradients are averaged: each contributes the sum over its passes, divided by the mean number of passes
        // per process.
        const share = count / world.size;
        if (micro === own.at(-1)) world.arrive();
        torch.backward(share === 1 ? result.loss : result.loss.div(share));
        time.backward += seconds(middle);
        losses.add(ids, result);
      });
    }
    this.#reducer?.check();
    return { losses, time };
  }

  dispose(): void {
    this.#reducer?.dispose();
  }
}
