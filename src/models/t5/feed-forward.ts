import { Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { T5Config } from "./config.ts";

/** Two layers with a ReLU between them, as in the first T5 (transformers `T5DenseActDense`). */
export class T5FeedForward extends Module {
  readonly wi: Linear;
  readonly wo: Linear;

  constructor({ dModel, dFf }: T5Config) {
    super();
    this.wi = new Linear(dModel, dFf, { bias: false });
    this.wo = new Linear(dFf, dModel, { bias: false });
  }

  /** (B, L, D) → (B, L, D) */
  override forward(x: Tensor): Tensor {
    return this.wo.call(this.wi.call(x).relu());
  }
}

/**
 * As {@link T5FeedForward}, with the first layer gated by GELU, as in T5 v1.1 (transformers `T5DenseGatedActDense`; Shazeer 2020,
 * arXiv 2002.05202).
 */
export class T5GatedFeedForward extends Module {
  static override readonly keys = { wiGate: "wi_0", wiValue: "wi_1" };

  readonly wiGate: Linear;
  readonly wiValue: Linear;
  readonly wo: Linear;

  constructor({ dModel, dFf }: T5Config) {
    super();
    this.wiGate = new Linear(dModel, dFf, { bias: false });
    this.wiValue = new Linear(dModel, dFf, { bias: false });
    this.wo = new Linear(dFf, dModel, { bias: false });
  }

  /** (B, L, D) → (B, L, D) */
  override forward(x: Tensor): Tensor {
    const gate = F.gelu(this.wiGate.call(x), { approximate: "tanh" }); // (B, L, dFf)
    return this.wo.call(gate.mul(this.wiValue.call(x)));
  }
}
