import { expected, InvalidValueError } from "../../errors/index.ts";
import type { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";

/** How timesteps are weighted; at most one of the two. */
export interface WeightingOptions {
  /** γ of min-SNR weighting of the squared error. Default null: none. */
  readonly minSnrGamma?: number | null;
  /** Weights of 1/sqrt(SNR), see {@link debiasedWeight}. Default false. */
  readonly debiased?: boolean;
}

/** The weight of each row, according to the options; undefined if all weigh the same. Throws if both weightings are requested. */
export function timestepWeight(
  schedule: NoiseSchedule,
  { minSnrGamma = null, debiased = false }: WeightingOptions,
  predictionType: "epsilon" | "v_prediction",
  timesteps: readonly number[],
  like: Tensor,
): Tensor | undefined {
  if (debiased) {
    if (minSnrGamma !== null)
      throw new InvalidValueError("Expected minSnrGamma or debiased but received both");
    return debiasedWeight(schedule, predictionType, timesteps, like);
  }
  if (minSnrGamma === null) return undefined;
  return minSnrWeight(schedule, minSnrGamma, predictionType, timesteps, like);
}

/**
 * A weight for each row, of `like`'s rank: 1/sqrt(SNR), so that noisy timesteps, at which a picture's large shapes are decided,
 * count for more (Yu et al. 2023, arXiv 2310.08442; diffengine models/losses/debias_estimation_loss.py).
 */
function debiasedWeight(
  schedule: NoiseSchedule,
  predictionType: "epsilon" | "v_prediction",
  timesteps: readonly number[],
  like: Tensor,
): Tensor {
  const offset = predictionType === "epsilon" ? 0 : 1;
  return schedule.gather((_, t) => 1 / Math.sqrt(schedule.snr(t) + offset), timesteps, like);
}

/**
 * A weight for each row, of `like`'s rank: min(SNR, γ)/SNR, so that easy timesteps don't outweigh the others
 * (Hang et al. 2023, arXiv 2303.09556). The error of v is that of ε times 1 + 1/SNR, so v counts SNR + 1.
 */
function minSnrWeight(
  schedule: NoiseSchedule,
  gamma: number,
  predictionType: "epsilon" | "v_prediction",
  timesteps: readonly number[],
  like: Tensor,
): Tensor {
  if (!(gamma > 0)) {
    throw expected("a positive number", "minSnrGamma", gamma);
  }
  const offset = predictionType === "epsilon" ? 0 : 1;
  return schedule.gather(
    (_, t) => Math.min(schedule.snr(t) + offset, gamma) / (schedule.snr(t) + offset),
    timesteps,
    like,
  );
}
