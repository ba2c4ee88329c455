import type { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import {
  meanPerSample,
  type ObjectiveInput,
  type ObjectiveOutput,
  splitPrediction,
} from "./objective.ts";

export interface NoisePredictionOptions {
  /** What the model's first channels mean. Default "epsilon". */
  readonly predictionType?: "epsilon" | "v_prediction";
  /** γ of min-SNR weighting (Hang et al. 2023); unweighted where absent. */
  readonly snrGamma?: number;
}

/**
 * The mean squared error of ε or v over the model's prediction channels; variance channels get no gradient
 * (diffengine, models/editors/pixart_alpha and models/losses/snr_l2_loss.py).
 */
export function noisePredictionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
  { predictionType = "epsilon", snrGamma }: NoisePredictionOptions = {},
): ObjectiveOutput {
  if (snrGamma !== undefined && !(snrGamma > 0)) {
    throw new Error(`Expected a positive number for snrGamma but received ${snrGamma}`);
  }
  return torch.tidy(() => {
    const noise = input.noise.float();
    const target =
      predictionType === "epsilon"
        ? noise
        : schedule.velocity(input.original.float(), noise, input.timesteps);
    const mse = meanPerSample(splitPrediction(input).prediction.sub(target).square());
    if (snrGamma === undefined) return { loss: mse, parts: { mse: mse.detach() } };
    // The error of v is that of ε times 1 + 1/SNR, so its weight counts one more.
    const offset = predictionType === "epsilon" ? 0 : 1;
    const weight = schedule.gather(
      (_, t) => Math.min(schedule.snr(t) + offset, snrGamma) / (schedule.snr(t) + offset),
      input.timesteps,
      mse,
    );
    return { loss: mse.mul(weight), parts: { mse: mse.detach(), weight } };
  });
}
