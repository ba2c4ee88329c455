import { functional, type Tensor } from "../torch/index.ts";
import { biasUniform, kaimingUniform } from "./init.ts";
import { Module } from "./module.ts";

/** y = x Wᵀ + b, with PyTorch's default initialisation. */
export class Linear extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly weight: Tensor; // (out, in)
  readonly bias: Tensor | undefined; // (out)

  constructor(inFeatures: number, outFeatures: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.weight = this.parameter([outFeatures, inFeatures], kaimingUniform);
    this.bias = bias ? this.parameter([outFeatures], biasUniform(inFeatures)) : undefined;
  }

  /** @param x (…, in) → (…, out) */
  override forward(x: Tensor): Tensor {
    return functional.linear(x, this.weight, this.bias);
  }
}
