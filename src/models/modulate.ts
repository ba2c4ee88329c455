import type { Tensor } from "../torch/index.ts";

/** Scales, then shifts, a normalised activation, as adaptive layer norm does: (B, N, D) by (B, 1, D) each. */
export const modulate = (x: Tensor, shift: Tensor, scale: Tensor): Tensor =>
  x.mul(scale.add(1)).add(shift);
