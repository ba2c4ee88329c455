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
   * @param bias (1 or B, H, L, L) added to the logits: relative position, and the lowest value at padding
   */
  override forward(x: Tensor, bias: Tensor): Tensor {
    const [q, k, v] = [this.q.call(x), this.k.call(x), this.v.call(x)]; // (B, L, H·K) each
    return this.o.call(F.attention(q, k, v, { mask: bias, heads: this.#heads, scale: 1 })); // (B, L, D)
  }
}
