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
  /** The meaning of the model's prediction channels. Default "epsilon". */
  readonly predictionType?: "epsilon" | "v_prediction";
  /** Errors beyond it count linearly instead of quadratically. Default null: all are squared. */
  readonly huberDelta?: number | null;
}

const NO_REDUCTION = 0; // at::Reduction::None

/**
 * The mean squared error, or Huber's, of ε or v over the model's prediction channels; variance channels get no gradient
 * (diffengine, models/editors/pixart_alpha/pixart_alpha.py, models/losses/snr_l2_loss.py and hubar_loss.py).
 */
export function noisePredictionLoss(
  schedule: NoiseSchedule,
  input: ObjectiveInput,
  { predictionType = "epsilon", huberDelta = null, ...weighting }: NoisePredictionOptions = {},
): ObjectiveOutput {
  return torch.tidy(() => {
    const noise = input.noise.float();
    const target =
      predictionType === "epsilon"
        ? noise
        : schedule.velocity(input.original.float(), noise, input.timesteps);
    const { prediction } = splitPrediction(input);
    const error = meanPerSample(
      huberDelta === null
        ? prediction.sub(target).square()
        : torch.functional.huberLoss(prediction, target, NO_REDUCTION, huberDelta),
    );
    const parts = { [huberDelta === null ? "mse" : "huber"]: error.detach() };
    const weight = timestepWeight(schedule, weighting, predictionType, input.timesteps, error);
    if (weight === undefined) return { loss: error, parts };
    return { loss: error.mul(weight), parts: { ...parts, weight } };
  });
}
