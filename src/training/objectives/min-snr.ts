import type { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";

/**
 * A weight for each row, of `like`'s rank: min(SNR, γ)/SNR, so that easy timesteps don't outweigh the others
 * (Hang et al. 2023, arXiv 2303.09556). The error of v is that of ε times 1 + 1/SNR, so v counts SNR + 1.
 */
export function minSnrWeight(
  schedule: NoiseSchedule,
  gamma: number,
  predictionType: "epsilon" | "v_prediction",
  timesteps: readonly number[],
  like: Tensor,
): Tensor {
  if (!(gamma > 0)) {
    throw new Error(`Expected a positive number for minSnrGamma but received ${gamma}`);
  }
  const offset = predictionType === "epsilon" ? 0 : 1;
  return schedule.gather(
    (_, t) => Math.min(schedule.snr(t) + offset, gamma) / (schedule.snr(t) + offset),
    timesteps,
    like,
  );
}
