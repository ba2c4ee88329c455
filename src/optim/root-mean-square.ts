import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** The root of the mean square of each tensor, divided by `unit`, as scalar tensors. */
export function rootMeanSquares(tensors: readonly Tensor[], unit = 1): Tensor[] {
  const norms = torch.foreachNorm(tensors);
  torch.foreachDivScalars_(
    norms,
    tensors.map(({ numel }) => Math.sqrt(numel) * unit),
  );
  return norms;
}

/** Divides each tensor by its root mean square over `threshold` if that is above 1. */
export function clipRootMeanSquare_(tensors: readonly Tensor[], threshold: number): void {
  const divisors = rootMeanSquares(tensors, threshold);
  torch.foreachClampMin_(divisors, 1);
  torch.foreachDivList_(tensors, divisors);
}
