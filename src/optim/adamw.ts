import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { BaseOptimizer } from "./base-optimizer.ts";
import type { ParameterGroup } from "./optimizer.ts";
import { ADAMW_DEFAULTS, type AdamWOptions, withDefaults } from "./optimizer-options.ts";

type Moments = Readonly<Record<"expAvg" | "expAvgSq" | "step", Tensor>>;

/** AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101): one pass over memory per group, scaling gradients in the same pass. */
export class AdamW extends BaseOptimizer<Moments> {
  readonly #options: Required<AdamWOptions>;

  /** The state has two numbers per weight, in its dtype. Options are not checked. */
  constructor(groups: readonly ParameterGroup[], options: AdamWOptions = {}) {
    super(groups, (parameter) => ({
      expAvg: torch.zerosLike(parameter),
      expAvgSq: torch.zerosLike(parameter),
      step: torch.zeros([], { device: parameter.device }), // where the fused operator expects it
    }));
    this.#options = withDefaults(options, ADAMW_DEFAULTS);
  }

  protected override readonly scalesGradients = true;

  protected update(lr: number, gradScale: number): void {
    // The operator needs no temporaries, so a batch may be a whole group.
    this.forBatches(({ group, parameters, gradients, states }) => {
      torch.foreachAdamw_(
        parameters,
        gradients,
        states.map(({ expAvg }) => expAvg),
        states.map(({ expAvgSq }) => expAvgSq),
        states.map(({ step }) => step),
        {
          lr: lr * (group.lrScale ?? 1),
          beta1: this.#options.betas[0],
          beta2: this.#options.betas[1],
          weightDecay: group.weightDecay ?? this.#options.weightDecay,
          eps: this.#options.eps,
          gradScale,
        },
      );
    }, Number.POSITIVE_INFINITY);
  }
}
