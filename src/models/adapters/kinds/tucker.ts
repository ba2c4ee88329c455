import type { Tensor } from "../../../torch/index.ts";

// Shapes: R rank, K kernel side of a convolution.

/**
 * Core (R, R, K, K) between factors (R, out) and (R, in) → (out, in, K, K): Σᵢⱼ core[i, j] a[i] b[j]. LoHa's, LoKr's and LoRA's
 * form for convolutions in LyCORIS, and in PEFT if `use_effective_conv2d` is set.
 */
export function tuckerProduct(core: Tensor, a: Tensor, b: Tensor): Tensor {
  const [, rank = 0, ...kernel] = core.shape;
  const rows = a
    .transpose(0, 1)
    .mm(core.flatten(1))
    .reshape([a.size(1), rank, -1]); // (out, R, K·K)
  return b
    .transpose(0, 1)
    .matmul(rows)
    .reshape([a.size(1), b.size(1), ...kernel]);
}
