import type { Tensor } from "../torch/index.ts";

/**
 * What `compute` makes of `x`, which is freed then: the scope that it is of would keep it to its end, and a picture's activations
 * take hundreds of megabytes each. Gradients keep what they need.
 */
export function consume(x: Tensor, compute: (x: Tensor) => Tensor): Tensor {
  const y = compute(x);
  x.dispose();
  return y;
}
