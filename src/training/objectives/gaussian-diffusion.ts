import type { NoiseSchedule, TimestepNoise } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import {
  meanPerSample,
  type ObjectiveInput,
  type ObjectiveOutput,
  splitPrediction,
} from "./objective.ts";

/**
 * PixArt-α's training loss, that of improved diffusion (Nichol and Dhariwal 2021; PixArt-alpha,
 * diffusion/model/gaussian_diffusion.py): the mean squared error of ε, plus, where the model predicts a
 * variance, the variational bound in bits. The bound sees ε̂ as a constant, so it trains the variance alone.
 */
export function gaussianDiffusionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
): ObjectiveOutput {
  return torch.tidy(() => {
    const { prediction, variance } = splitPrediction(input);
    const mse = meanPerSample(prediction.sub(input.noise.float()).square());
    if (variance === undefined) return { loss: mse, parts: { mse: mse.detach() } };
    const vb = variationalBound(schedule, input, prediction.detach(), variance);
    return { loss: mse.add(vb), parts: { mse: mse.detach(), vb: vb.detach() } };
  });
}

/** (B) bits a dimension: KL between posterior and model at t > 0, the decoder's negative log-likelihood at t = 0. */
function variationalBound(
  schedule: NoiseSchedule,
  { original: x0, noisy, timesteps }: ObjectiveInput,
  epsilon: Tensor,
  variance: Tensor,
): Tensor {
  const original = x0.float();
  const gather = (coefficient: (noise: TimestepNoise, t: number) => number): Tensor =>
    schedule.gather(coefficient, timesteps, original);
  const xt = noisy.float();
  const predicted = xt
    .mul(gather(({ acp }) => Math.sqrt(1 / acp)))
    .sub(epsilon.mul(gather(({ acp }) => Math.sqrt(1 / acp - 1))));
  const originalWeight = gather(
    ({ beta, acp, acpPrevious }) => (beta * Math.sqrt(acpPrevious)) / (1 - acp),
  );
  const noisyWeight = gather(
    ({ beta, acp, acpPrevious }) => ((1 - acpPrevious) * Math.sqrt(1 - beta)) / (1 - acp),
  );
  const posteriorMean = (x: Tensor): Tensor => x.mul(originalWeight).add(xt.mul(noisyWeight));
  const modelMean = posteriorMean(predicted);

  // The posterior has no variance at t = 0, so its logarithm there is that at t = 1.
  const minimum = gather((_, t) => {
    const { beta, acp, acpPrevious } = schedule.at(Math.max(t, 1));
    return Math.log((beta * (1 - acpPrevious)) / (1 - acp));
  });
  const maximum = gather(({ beta }) => Math.log(beta));
  const fraction = variance.add(1).div(2);
  const modelLogVariance = fraction.mul(maximum).add(fraction.neg().add(1).mul(minimum));

  const divergence = gaussianDivergence(
    posteriorMean(original),
    minimum,
    modelMean,
    modelLogVariance,
  );
  if (!timesteps.includes(0)) return meanPerSample(divergence).div(Math.LN2);
  const isFirst = gather((_, t) => (t === 0 ? 1 : 0)).gt(0.5);
  const decoder = decoderNegativeLogLikelihood(original, modelMean, modelLogVariance.mul(0.5));
  return meanPerSample(torch.where(isFirst, decoder, divergence)).div(Math.LN2);
}

/** KL(N(mean1, e^logVariance1) ‖ N(mean2, e^logVariance2)) in nats, elementwise. */
function gaussianDivergence(
  mean1: Tensor,
  logVariance1: Tensor,
  mean2: Tensor,
  logVariance2: Tensor,
): Tensor {
  const distance = mean1.sub(mean2).square().mul(logVariance2.neg().exp());
  const ratio = logVariance1.sub(logVariance2);
  return ratio.exp().sub(ratio).add(distance).sub(1).mul(0.5);
}

/**
 * −log of the probability, in nats, that a Gaussian gives the interval of half-width 1/255 round `x`, the
 * outermost intervals being open. Made for 8-bit pixels in ±1 and kept as it is for latents, as in the paper.
 */
function decoderNegativeLogLikelihood(x: Tensor, mean: Tensor, logScale: Tensor): Tensor {
  const centred = x.sub(mean);
  const inverseScale = logScale.neg().exp();
  const above = normalCdf(centred.add(1 / 255).mul(inverseScale));
  const below = normalCdf(centred.sub(1 / 255).mul(inverseScale));
  const inner = torch.where(x.gt(0.999), below.neg().add(1), above.sub(below));
  const probability = torch.where(x.lt(-0.999), above, inner);
  return probability.clamp({ min: 1e-12 }).log().neg();
}

/** The tanh approximation of the standard normal's cumulative distribution. */
function normalCdf(z: Tensor): Tensor {
  const cubic = z.add(z.pow(3).mul(0.044715));
  return cubic
    .mul(Math.sqrt(2 / Math.PI))
    .tanh()
    .add(1)
    .mul(0.5);
}
