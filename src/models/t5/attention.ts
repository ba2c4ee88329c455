import { Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { T5Config } from "./config.ts";

// Shapes: B batch, L tokens, D hidden width, H heads, K head width.

/** Self-attention without biases whose logits are not scaled: the initial queries are small instead. */
export class T5Attention extends Module {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly #heads: number;

  constructor({ dModel, dKv, numHeads }: T5Config) {
    super();
    const inner = numHeads * dKv;
    this.q = new Linear(dModel, inner, { bias: false });
    this.k = new Linear(dModel, inner, { bias: false });
    this.v = new Linear(dModel, inner, { bias: false });
    this.o = new Linear(inner, dModel, { bias: false });
    this.#heads = numHeads;
  }

  /**
   * @param x    (B, L, D)
   * @param bias (1 or B, H, L, L) added to the logits: relative position, and the lowest number at padding
   */
  override forward(x: Tensor, bias: Tensor): Tensor {
    const heads = [this.#heads, -1];
    const q = this.q.call(x).unflatten(2, heads).transpose(1, 2); // (B, H, L, K)
    const k = this.k.call(x).unflatten(2, heads).transpose(1, 2);
    const v = this.v.call(x).unflatten(2, heads).transpose(1, 2);
    const attended = F.scaledDotProductAttention(q, k, v, { attnMask: bias, scale: 1 });
    return this.o.call(attended.transpose(1, 2).flatten(2, 3)); // (B, L, D)
  }
}
