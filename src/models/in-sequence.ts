import type { Tensor } from "../torch/index.ts";

/**
 * What steps make of `x`, one after another. What lies between is freed at once: the scope that it is of would keep it to its end, and
 * a picture's activations take hundreds of megabytes each. `x` stays the caller's, and gradients keep what they need.
 */
export function inSequence(x: Tensor, steps: Iterable<(h: Tensor) => Tensor>): Tensor {
  let h = x;
  for (const step of steps) {
    const next = step(h);
    if (h !== x) h.dispose();
    h = next;
  }
  return h;
}
