import { functional, type Tensor } from "../torch/index.ts";
import { biasUniform, kaimingUniform } from "./init.ts";
import { ProductLayer } from "./product-layer.ts";

/** y = x Wᵀ + b, with PyTorch's default initialisation: (…, in) → (…, out). */
export class Linear extends ProductLayer {
  readonly weight: Tensor; // (out, in)
  readonly bias: Tensor | undefined; // (out)

  constructor(inFeatures: number, outFeatures: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    this.weight = this.parameter([outFeatures, inFeatures], kaimingUniform);
    this.bias = bias ? this.parameter([outFeatures], biasUniform(inFeatures)) : undefined;
  }

  override product(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    return functional.linear(x, weight, bias);
  }
}
