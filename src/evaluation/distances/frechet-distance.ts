import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { featureMatrices } from "./feature-matrix.ts";

// Shapes: N pictures, D features.

/** Distance between two sets of pictures. */
export interface FrechetResult {
  readonly distance: number;
  /** Why the distance means little, if so. */
  readonly warning?: string;
}

/** A normal distribution. */
interface Gaussian {
  /** (D) */
  readonly mean: Tensor;
  /** (D, D) */
  readonly covariance: Tensor;
}

/**
 * The Fréchet distance of two normal distributions with the means and covariances of the rows:
 * |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). Over the features of {@link inceptionFeatures} it is FID (arXiv 1706.08500). All in
 * float64. Throws if either side has fewer than two pictures, or if rows differ in length.
 */
export function frechetDistance(
  generated: readonly Float32Array[],
  references: readonly Float32Array[],
): FrechetResult {
  const width = references[0]?.length ?? 0;
  const distance = torch.noGrad(() =>
    torch.tidy(() => {
      const [a, b] = featureMatrices(generated, references).map(gaussianOf) as [Gaussian, Gaussian];
      const apart = a.mean.sub(b.mean).square().sum().item();
      const spread = trace(a.covariance) + trace(b.covariance);
      return apart + spread - 2 * traceOfRoot(a.covariance, b.covariance);
    }),
  );
  const fewest = Math.min(generated.length, references.length);
  // With fewer pictures than features, the covariance has a lower rank than the true one.
  if (fewest > width) return { distance };
  const warning = `${fewest} pictures are too few to know how ${width} features vary: the distance is larger than more pictures would give`;
  return { distance, warning };
}

function gaussianOf(rows: Tensor): Gaussian {
  const mean = rows.mean([0]);
  const centred = rows.sub(mean);
  return {
    mean,
    covariance: centred
      .t()
      .mm(centred)
      .div(rows.size(0) - 1),
  };
}

const trace = (matrix: Tensor): number =>
  matrix
    .mul(torch.eye(matrix.size(0)))
    .sum()
    .item();

/**
 * tr (Σ₁ Σ₂)^½. With Σ₁ = V Λ Vᵀ the product has the eigenvalues of Λ^½ Vᵀ Σ₂ V Λ^½, which is symmetric, so that no complex
 * numbers occur and singular covariances need no special treatment.
 */
function traceOfRoot(first: Tensor, second: Tensor): number {
  const [values, vectors] = torch.linalgEigh(first);
  const root = vectors.mul(rounded(values).sqrt()); // (D, D), V Λ^½
  return rounded(torch.linalgEigvalsh(root.t().mm(second).mm(root)))
    .sqrt()
    .sum()
    .item();
}

/** Eigenvalues of a positive semidefinite matrix: those that differ from 0 only by rounding become 0. */
function rounded(values: Tensor): Tensor {
  const noise = Number.EPSILON * values.size(0) * values.amax([0]).item();
  return values.maskedFill(values.le(noise), 0);
}
