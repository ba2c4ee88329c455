import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer, inFloat32, zerosOf } from "./base-optimizer.ts";
import type { ParameterGroup } from "./optimizer.ts";

/** Settings of {@link Lion}, with the paper's defaults. */
export interface LionOptions {
  /** Share of the momentum in a step, and decay of the momentum. */
  readonly betas?: readonly [number, number];
  readonly weightDecay?: number;
}

/**
 * Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2): every element moves by the rate, in the direction that the
 * momentum and the gradient agree on. Wants about a tenth to a third of AdamW's rate.
 */
export class Lion extends BaseOptimizer<{ readonly expAvg: Tensor }> {
  readonly #betas: readonly [number, number];
  readonly #weightDecay: number;

  constructor(groups: readonly ParameterGroup[], options: LionOptions = {}) {
    super(groups, (parameter) => ({ expAvg: zerosOf(parameter) }));
    this.#betas = options.betas ?? [0.9, 0.99];
    this.#weightDecay = options.weightDecay ?? 0;
  }

  protected update(lr: number): void {
    const [beta1, beta2] = this.#betas;
    this.forBatches((batch) => {
      const gradients = inFloat32(batch.gradients);
      const momenta = batch.states.map(({ expAvg }) => expAvg);
      const rate = lr * (batch.group.lrScale ?? 1);
      const decay = batch.group.weightDecay ?? this.#weightDecay;
      if (decay !== 0) torch.foreachMul_(batch.parameters, 1 - rate * decay);
      const directions = torch.foreachLerp(momenta, gradients, 1 - beta1);
      torch.foreachSign_(directions);
      torch.foreachAddList_(batch.parameters, directions, { alpha: -rate });
      torch.foreachLerp_(momenta, gradients, 1 - beta2);
    });
  }
}
