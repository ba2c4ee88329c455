import type { NoiseSchedule } from "../../schedulers/index.ts";
import * as torch from "../../torch/index.ts";

import {
  meanPerSample,
  type ObjectiveInput,
  type ObjectiveOutput,
  splitPrediction,
} from "./objective.ts";
import { timestepWeight, type WeightingOptions } from "./timestep-weight.ts";

export interface NoisePredictionOptions extends WeightingOptions {
  /** What the model's first channels mean. Default "epsilon". */
  readonly predictionType?: "epsilon" | "v_prediction";
}

/**
 * The mean squared error of ε or v over the model's prediction channels; variance channels get no gradient
 * (diffengine, models/editors/pixart_alpha/pixart_alpha.py and models/losses/snr_l2_loss.py).
 */
export function noisePredictionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
  { predictionType = "epsilon", ...weighting }: NoisePredictionOptions = {},
): ObjectiveOutput {
  return torch.tidy(() => {
    const noise = input.noise.float();
    const target =
      predictionType === "epsilon"
        ? noise
        : schedule.velocity(input.original.float(), noise, input.timesteps);
    const mse = meanPerSample(splitPrediction(input).prediction.sub(target).square());
    const weight = timestepWeight(schedule, weighting, predictionType, input.timesteps, mse);
    if (weight === undefined) return { loss: mse, parts: { mse: mse.detach() } };
    return { loss: mse.mul(weight), parts: { mse: mse.detach(), weight } };
  });
}
