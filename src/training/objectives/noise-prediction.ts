import type { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";
import { minSnrWeight } from "./min-snr.ts";
import {
  meanPerSample,
  type ObjectiveInput,
  type ObjectiveOutput,
  splitPrediction,
} from "./objective.ts";

export interface NoisePredictionOptions {
  /** What the model's first channels mean. Default "epsilon". */
  readonly predictionType?: "epsilon" | "v_prediction";
  /** γ of min-SNR weighting; all timesteps weigh the same where it is null. Default null. */
  readonly minSnrGamma?: number | null;
}

/**
 * The mean squared error of ε or v over the model's prediction channels; variance channels get no gradient
 * (diffengine, models/editors/pixart_alpha/pixart_alpha.py and models/losses/snr_l2_loss.py).
 */
export function noisePredictionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
  { predictionType = "epsilon", minSnrGamma = null }: NoisePredictionOptions = {},
): ObjectiveOutput {
  return torch.tidy(() => {
    const noise = input.noise.float();
    const target =
      predictionType === "epsilon"
        ? noise
        : schedule.velocity(input.original.float(), noise, input.timesteps);
    const mse = meanPerSample(splitPrediction(input).prediction.sub(target).square());
    if (minSnrGamma === null) return { loss: mse, parts: { mse: mse.detach() } };
    const weight = minSnrWeight(schedule, minSnrGamma, predictionType, input.timesteps, mse);
    return { loss: mse.mul(weight), parts: { mse: mse.detach(), weight } };
  });
}
