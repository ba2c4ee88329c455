import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer, inFloat32, zerosOf } from "./base-optimizer.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { LION_DEFAULTS, type LionOptions, withDefaults } from "./optimizer-options.ts";

/**
 * Lion (Chen et al. 2023, arXiv 2302.06675, algorithm 2): every element moves by the rate, in the direction of the sign of
 * momentum and gradient combined. Needs about a tenth to a third of AdamW's rate.
 */
export class Lion extends BaseOptimizer<{ readonly expAvg: Tensor }> {
  readonly #options: Required<LionOptions>;

  /** The state has one number in float32 per weight. Options are not checked. */
  constructor(groups: readonly ParameterGroup[], options: LionOptions = {}) {
    super(groups, (parameter) => ({ expAvg: zerosOf(parameter) }));
    this.#options = withDefaults(options, LION_DEFAULTS);
  }

  protected update(lr: number): void {
    const [beta1, beta2] = this.#options.betas;
    this.forBatches((batch) => {
      const gradients = inFloat32(batch.gradients);
      const momenta = batch.states.map(({ expAvg }) => expAvg);
      const rate = lr * (batch.group.lrScale ?? 1);
      const decay = batch.group.weightDecay ?? this.#options.weightDecay;
      if (decay !== 0) torch.foreachMul_(batch.parameters, 1 - rate * decay);
      const directions = torch.foreachLerp(momenta, gradients, 1 - beta1);
      torch.foreachSign_(directions);
      torch.foreachAddList_(batch.parameters, directions, { alpha: -rate });
      torch.foreachLerp_(momenta, gradients, 1 - beta2);
    });
  }
}
