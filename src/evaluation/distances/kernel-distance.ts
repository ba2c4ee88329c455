import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { featureMatrices } from "./feature-matrix.ts";
import { randomOrder } from "./random-order.ts";

// Shapes: M pictures of a subset, D features.

/** Options of {@link kernelDistance}. */
export interface KernelDistanceOptions {
  /** Default 100. */
  readonly subsets?: number;
  /** Pictures per subset, from each side. Default 1000, or half of the smaller side if that is less. */
  readonly subsetSize?: number;
  /** Selects the pictures of the subsets. Default 0. */
  readonly seed?: number;
}

/** Distance between two sets of pictures. */
export interface KernelDistanceResult {
  /** The mean over the subsets. Unbiased: 0 on average for equal distributions, and so sometimes negative. */
  readonly distance: number;
  /** The standard deviation of the subsets' distances. */
  readonly std: number;
  readonly subsets: number;
  readonly subsetSize: number;
}

/**
 * The kernel distance of features (arXiv 1801.01401): the squared maximum mean discrepancy under the kernel (x·y/D + 1)³,
 * estimated without bias on random subsets of both sides, each picture at most once per subset, as in the paper and
 * torch-fidelity. Unlike the Fréchet distance it can be estimated from few pictures. Over Inception's features it is KID. All in
 * float64. Throws if a side has fewer than two pictures or fewer than a subset, or if rows differ in length.
 */
export function kernelDistance(
  generated: readonly Float32Array[],
  references: readonly Float32Array[],
  { subsets = 100, subsetSize, seed = 0 }: KernelDistanceOptions = {},
): KernelDistanceResult {
  if (!Number.isInteger(subsets) || subsets < 1) {
    throw expected("a positive integer", "subsets", subsets);
  }
  const fewest = Math.min(generated.length, references.length);
  const size = subsetSize ?? Math.max(2, Math.min(1000, Math.floor(fewest / 2)));
  const distances = torch.noGrad(() =>
    torch.tidy(() => {
      const matrices = featureMatrices(generated, references);
      if (!Number.isInteger(size) || size < 2 || size > fewest) {
        throw expected(
          `an integer from 2 to ${fewest}, the pictures of the smaller side,`,
          "subsetSize",
          size,
        );
      }
      return Array.from({ length: subsets }, (_, i) => {
        const generator = torch.stream(seed, "kernel-distance", i);
        return torch.tidy(() => {
          const [x, y] = matrices.map((rows) => {
            const chosen = randomOrder(rows.size(0), generator).slice(0, size);
            return rows.indexSelect(0, torch.tensor(chosen, { dtype: "int64" }));
          }) as [Tensor, Tensor]; // (M, D) each
          return squaredDiscrepancy(x, y);
        });
      });
    }),
  );
  const mean = distances.reduce((sum, one) => sum + one, 0) / subsets;
  const variance = distances.reduce((sum, one) => sum + (one - mean) ** 2, 0) / subsets;
  return { distance: mean, std: Math.sqrt(variance), subsets, subsetSize: size };
}

/**
 * Two sets of M rows (M, D): the mean kernel within each, excluding pairs of a row with itself, minus twice the mean between
 * them.
 */
function squaredDiscrepancy(x: Tensor, y: Tensor): number {
  const count = x.size(0);
  const within = (rows: Tensor): number => {
    const all = kernel(rows, rows);
    const own = all.mul(torch.eye(count)).sum().item();
    return (all.sum().item() - own) / (count * (count - 1));
  };
  return within(x) + within(y) - 2 * (kernel(x, y).sum().item() / count ** 2);
}

/** (x·y/D + 1)³ of all pairs (M, M). */
const kernel = (x: Tensor, y: Tensor): Tensor => x.mm(y.t()).div(x.size(1)).add(1).pow(3);
