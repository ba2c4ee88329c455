import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/**
 * Running means of squares of a matrix's rows, (…, n, 1), and of its columns, (…, 1, m), whose product approximates the running
 * mean of every element (Shazeer and Stern 2018, arXiv 1804.04235, section 3): n + m numbers instead of n · m.
 */
export interface FactoredSquare {
  readonly row: Tensor;
  readonly column: Tensor;
}

/** The shapes of the factors for a parameter of at least two dimensions. */
export function factorShapes(shape: readonly number[]): {
  readonly row: readonly number[];
  readonly column: readonly number[];
} {
  return { row: [...shape.slice(0, -1), 1], column: [...shape.slice(0, -2), 1, shape.at(-1) ?? 1] };
}

/** The means of the rows and of the columns of each of `squares`. */
export function factorsOf(squares: readonly Tensor[]): FactoredSquare[] {
  return squares.map((square) => ({
    row: square.mean([-1], true),
    column: square.mean([-2], true),
  }));
}

/** `values` over the root of the mean square represented by `factors`: new tensors. */
export function overRoot(values: readonly Tensor[], factors: readonly FactoredSquare[]): Tensor[] {
  const rows = factors.map(({ row }) => row);
  const scaled = torch.foreachDiv(
    rows,
    rows.map((row) => row.mean([-2], true)),
  );
  torch.foreachRsqrt_(scaled);
  const result = torch.foreachMul(values, scaled);
  torch.foreachMulList_(result, torch.foreachRsqrt(factors.map(({ column }) => column)));
  return result;
}
