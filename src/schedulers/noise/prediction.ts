import type { Tensor } from "../../torch/index.ts";
import type { PredictionType, SolverPredictionType } from "../config/common-fields.ts";
import { f32, sqrt32 } from "./arithmetic.ts";
import type { NoiseLevel } from "./noise-level.ts";

/** x0 from the model's output for `sample` = α·x0 + s·ε. Always a new tensor. */
export function predictOriginal(
  type: SolverPredictionType,
  modelOutput: Tensor,
  sample: Tensor,
  { alpha, spread }: NoiseLevel,
): Tensor {
  switch (type) {
    case "epsilon":
      return sample.sub(modelOutput.mul(spread)).div(alpha);
    case "v_prediction":
      return sample.mul(alpha).sub(modelOutput.mul(spread));
    case "sample":
      return modelOutput.clone();
    case "flow_prediction":
      return sample.sub(modelOutput.mul(spread));
  }
}

/** ε from the model's output for `sample` = α·x0 + s·ε. Always a new tensor. */
export function predictNoise(
  type: SolverPredictionType,
  modelOutput: Tensor,
  sample: Tensor,
  { alpha, spread }: NoiseLevel,
): Tensor {
  switch (type) {
    case "epsilon":
      return modelOutput.clone();
    case "v_prediction":
      return modelOutput.mul(alpha).add(sample.mul(spread));
    case "sample":
      return sample.sub(modelOutput.mul(alpha)).div(spread);
    case "flow_prediction":
      return modelOutput.mul(alpha).add(sample);
  }
}

/** x0 from the model's output for `sample` = x0 + σ·ε, which the model saw as sample/√(σ² + 1). Always a new tensor. */
export function predictOriginalFromSigma(
  type: PredictionType,
  modelOutput: Tensor,
  sample: Tensor,
  sigma: number,
): Tensor {
  const total = f32(f32(sigma * sigma) + 1);
  switch (type) {
    case "epsilon":
      return sample.sub(modelOutput.mul(sigma));
    case "v_prediction":
      return modelOutput.mul(f32(-sigma / sqrt32(total))).add(sample.div(total));
    case "sample":
      return modelOutput.clone();
  }
}
