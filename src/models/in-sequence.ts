import type { Tensor } from "../torch/index.ts";

/**
 * Applies steps to `x` one after another. Intermediate results are freed at once: their scope would keep them until its end, and
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
