import { init, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { T5Config } from "./config.ts";

/** Two layers round a ReLU, in the first T5 (transformers `T5DenseActDense`). */
export class T5FeedForward extends Module {
  readonly wi: Linear;
  readonly wo: Linear;

  constructor({ dModel, dFf, initializerFactor }: T5Config) {
    super();
    this.wi = new Linear(dModel, dFf, { bias: false, weight: init.normal(initializerFactor * dModel ** -0.5) });
    this.wo = new Linear(dFf, dModel, { bias: false, weight: init.normal(initializerFactor * dFf ** -0.5) });
  }

  /** (B, L, D) → (B, L, D) */
  override forward(x: Tensor): Tensor {
    return this.wo.call(this.wi.call(x).relu());
  }
}

/** The same with a GELU gate, in T5 v1.1 (transformers `T5DenseGatedActDense`; Shazeer 2020). */
export class T5GatedFeedForward extends Module {
  static override readonly keys = { gate: "wi_0", value: "wi_1" };

  readonly gate: Linear;
  readonly value: Linear;
  readonly wo: Linear;

  constructor({ dModel, dFf, initializerFactor }: T5Config) {
    super();
    const inward = { bias: false, weight: init.normal(initializerFactor * dModel ** -0.5) };
    this.gate = new Linear(dModel, dFf, inward);
    this.value = new Linear(dModel, dFf, inward);
    this.wo = new Linear(dFf, dModel, { bias: false, weight: init.normal(initializerFactor * dFf ** -0.5) });
  }

  /** (B, L, D) → (B, L, D) */
  override forward(x: Tensor): Tensor {
    const gate = F.gelu(this.gate.call(x), { approximate: "tanh" }); // (B, L, F)
    return this.wo.call(gate.mul(this.value.call(x)));
  }
}
