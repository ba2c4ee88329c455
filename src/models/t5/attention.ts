import { init, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { T5Config } from "./config.ts";

// Shapes: B batch, L tokens, D hidden width, H heads, K head width.

/** Self-attention whose logits are not scaled: the spread of the initial queries makes up for it. */
export class T5Attention extends Module {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly #heads: number;

  constructor({ dModel, dKv, numHeads, initializerFactor }: T5Config) {
    super();
    const inner = numHeads * dKv;
    const spread = (variance: number) => init.normal(initializerFactor * variance ** -0.5);
    this.q = new Linear(dModel, inner, { bias: false, weight: spread(dModel * dKv) });
    this.k = new Linear(dModel, inner, { bias: false, weight: spread(dModel) });
    this.v = new Linear(dModel, inner, { bias: false, weight: spread(dModel) });
    this.o = new Linear(inner, dModel, { bias: false, weight: spread(inner) });
    this.#heads = numHeads;
  }

  /**
   * @param x    (B, L, D)
   * @param bias (1 or B, H, L, L) added to the logits: relative position, and the dtype's minimum at padding
   */
  override forward(x: Tensor, bias: Tensor): Tensor {
    const heads = [this.#heads, -1];
    const q = this.q.call(x).unflatten(2, heads).transpose(1, 2); // (B, H, L, K)
    const k = this.k.call(x).unflatten(2, heads).transpose(1, 2);
    const v = this.v.call(x).unflatten(2, heads).transpose(1, 2);
    const attended = F.scaledDotProductAttention(q, k, v, { attnMask: bias, scale: 1 }); // (B, H, L, K)
    return this.o.call(attended.transpose(1, 2).flatten(2, 3)); // (B, L, D)
  }
}
