import type { NoiseSchedule, TimestepNoise } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import {
  meanPerSample,
  type ObjectiveInput,
  type ObjectiveOutput,
  splitPrediction,
} from "./objective.ts";
import { timestepWeight, type WeightingOptions } from "./timestep-weight.ts";

/**
 * PixArt-α's training loss, that of improved diffusion (Nichol and Dhariwal 2021; PixArt-alpha,
 * diffusion/model/gaussian_diffusion.py): the mean squared error of ε plus, if the model predicts a variance, the variational
 * bound in bits. The bound treats ε̂ as a constant, so it trains only the variance.
 */
export function gaussianDiffusionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
  weighting: WeightingOptions = {},
): ObjectiveOutput {
  return torch.tidy(() => {
    const { prediction, variance } = splitPrediction(input);
    const noiseError = prediction.sub(input.noise.float());
    const mse = meanPerSample(noiseError.square());
    const parts: Record<string, Tensor> = { mse: mse.detach() };
    let loss = mse;
    const weight = timestepWeight(schedule, weighting, "epsilon", input.timesteps, mse);
    if (weight !== undefined) {
      parts.weight = weight;
      loss = loss.mul(weight);
    }
    if (variance !== undefined) {
      const vb = variationalBound(schedule, input, noiseError.detach(), variance);
      parts.vb = vb.detach();
      loss = loss.add(vb);
    }
    return { loss, parts };
  });
}

/**
 * (B) bits per dimension: KL between posterior and model at t > 0, the decoder's negative log-likelihood at t = 0. The two means
 * differ by a multiple of ε̂'s error and the two variances by `growth`; computing only the differences keeps float32 precision
 * when the terms nearly cancel.
 */
function variationalBound(
  schedule: NoiseSchedule,
  { original, timesteps }: ObjectiveInput,
  noiseError: Tensor,
  variance: Tensor,
): Tensor {
  const gather = (coefficient: (noise: TimestepNoise, t: number) => number): Tensor =>
    schedule.gather(coefficient, timesteps, noiseError);
  const meanError = noiseError.mul(
    gather(({ beta, acp }) => beta / Math.sqrt((1 - beta) * (1 - acp))),
  );

  // The posterior has no variance at t = 0, so its logarithm there is taken from t = 1.
  const posteriorLogVariance = (t: number): number => {
    const { beta, acp, acpPrevious } = schedule.at(Math.max(t, 1));
    return Math.log((beta * (1 - acpPrevious)) / (1 - acp));
  };
  const smallest = gather((_, t) => posteriorLogVariance(t));
  const range = gather(({ beta }, t) => Math.log(beta) - posteriorLogVariance(t));
  const growth = variance.add(1).div(2).mul(range);
  const logVariance = growth.add(smallest);

  const distance = meanError.square().mul(logVariance.neg().exp());
  const divergence = growth.neg().expm1().add(growth).add(distance).mul(0.5);
  if (!timesteps.includes(0)) return meanPerSample(divergence).div(Math.LN2);
  const isFirst = gather((_, t) => (t === 0 ? 1 : 0)).gt(0.5);
  const decoder = decoderNegativeLogLikelihood(original.float(), meanError, logVariance.mul(0.5));
  return meanPerSample(torch.where(isFirst, decoder, divergence)).div(Math.LN2);
}

/**
 * −log of the probability, in nats, that a Gaussian with mean `x` − `meanError` assigns to the interval of half-width 1/255
 * around `x`; the outermost intervals are open. Designed for 8-bit pixels in ±1; the paper keeps it for latents.
 */
function decoderNegativeLogLikelihood(x: Tensor, meanError: Tensor, logDeviation: Tensor): Tensor {
  const inverseDeviation = logDeviation.neg().exp();
  const cdf = (offset: Tensor): Tensor => normalCdf(offset.mul(inverseDeviation));
  // Both bounds are taken on the lower side, where the tail is a small number instead of one just below 1.
  const lower = meanError.abs().neg();
  const bounded = cdf(lower.add(1 / 255)).sub(cdf(lower.sub(1 / 255)));
  const openAbove = torch.where(x.gt(0.999), cdf(meanError.neg().add(1 / 255)), bounded);
  const probability = torch.where(x.lt(-0.999), cdf(meanError.add(1 / 255)), openAbove);
  return probability.clamp({ min: 1e-12 }).log().neg();
}

/** The tanh approximation of the standard normal's cumulative distribution; (1 + tanh z)/2 is sigmoid(2z). */
function normalCdf(z: Tensor): Tensor {
  const cubic = z.add(z.pow(3).mul(0.044715));
  return cubic.mul(2 * Math.sqrt(2 / Math.PI)).sigmoid();
}
