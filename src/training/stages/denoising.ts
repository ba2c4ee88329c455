import type { ResolvedStage } from "../../config/index.ts";
import { DPMSolverMultistepScheduler, NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { SampleDraws } from "../draws.ts";
import {
  gaussianDiffusionLoss,
  noisePredictionLoss,
  type ObjectiveOutput,
} from "../objectives/index.ts";
import type { StageLoss } from "../stage-task.ts";

type LossConfig = ResolvedStage<"text-to-image">["loss"];

/** What diffusers calls the target of a loss. */
const predictionType = (type: LossConfig["type"]): "epsilon" | "v_prediction" =>
  type === "v" ? "v_prediction" : "epsilon";

/** The sampler for models trained on a loss: DPM-Solver++ of PixArt's files. */
export const samplerFor = (loss: LossConfig): DPMSolverMultistepScheduler =>
  DPMSolverMultistepScheduler.fromConfig({ prediction_type: predictionType(loss.type) });

/** The part that both kinds of diffusion stage share: noise a batch of latents, let a model predict, take the loss. */
export class Denoising {
  readonly #schedule = NoiseSchedule.linear();
  readonly #loss: LossConfig;

  constructor(loss: LossConfig) {
    this.#loss = loss;
  }

  /**
   * @param original (B, C, h, w) scaled latents
   * @param predict  the model on (B, C, h, w) noisy latents at (B) timesteps
   */
  loss(
    original: Tensor,
    draws: SampleDraws,
    predict: (noisy: Tensor, timesteps: readonly number[]) => Tensor,
  ): StageLoss {
    const timesteps = draws.integers(this.#schedule.length);
    const noise = draws.normal(original.shape.slice(1));
    const noisy = this.#schedule.addNoise(original, noise, timesteps);
    const input = { modelOutput: predict(noisy, timesteps), original, noise, noisy, timesteps };
    const { type, ...weighting } = this.#loss;
    const result: ObjectiveOutput =
      type === "epsilon+vlb"
        ? gaussianDiffusionLoss(this.#schedule, input, weighting)
        : noisePredictionLoss(this.#schedule, input, {
            ...weighting,
            predictionType: predictionType(type),
          });
    const parts = Object.entries(result.parts).map(
      ([name, values]) => [name, values.mean()] as const,
    );
    return { loss: result.loss.mean(), parts: Object.fromEntries(parts) };
  }
}
