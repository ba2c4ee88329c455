import { init, Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** Root-mean-square norm without mean or bias, in float32 (transformers `T5LayerNorm`). */
export class T5LayerNorm extends Module {
  readonly weight: Tensor; // (D)
  readonly #epsilon: number;

  constructor(dim: number, epsilon: number, scale: number) {
    super();
    this.weight = this.parameter([dim], init.constant(scale));
    this.#epsilon = epsilon;
  }

  /** (…, D) → (…, D) in the weight's dtype */
  override forward(x: Tensor): Tensor {
    const variance = x.float().square().mean([-1], true); // (…, 1)
    const normed = x.mul(variance.add(this.#epsilon).rsqrt());
    // Rounds before the weight is applied, as the original does: this is visible in bfloat16.
    return normed.to({ dtype: this.weight.dtype }).mul(this.weight);
  }
}
