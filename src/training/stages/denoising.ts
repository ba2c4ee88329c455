import type { ResolvedStage } from "../../config/index.ts";
import { expected } from "../../errors/index.ts";
import { DPMSolverMultistepScheduler, type NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SampleRng } from "../contract/sample-rng.ts";
import type { StageLoss } from "../contract/stage-task.ts";
import {
  drawNoise,
  drawTimesteps,
  gaussianDiffusionLoss,
  noisePredictionLoss,
  type ObjectiveOutput,
} from "../objectives/index.ts";

type DiffusionStage = Pick<ResolvedStage<"text-to-image">, "loss" | "noise" | "timesteps">;
type LossConfig = DiffusionStage["loss"];

/** diffusers' name for a loss's target. */
export const predictionType = (type: LossConfig["type"]): "epsilon" | "v_prediction" =>
  type === "v" ? "v_prediction" : "epsilon";

/** The sampler for models trained with a loss: DPM-Solver++ as in PixArt's files. */
export const samplerFor = (loss: LossConfig): DPMSolverMultistepScheduler =>
  DPMSolverMultistepScheduler.fromConfig({ prediction_type: predictionType(loss.type) });

/** Common to both kinds of diffusion stage: adds noise to a batch of latents, runs the model and computes the loss. */
export class Denoising {
  readonly #schedule: NoiseSchedule;
  readonly #stage: DiffusionStage;

  constructor(stage: DiffusionStage, schedule: NoiseSchedule) {
    this.#stage = stage;
    this.#schedule = schedule;
  }

  /**
   * @param original (B, C, h, w) scaled latents
   * @param predict  the model on (B, C, h, w) noisy latents at (B) timesteps
   * @param weights  (B) weight of each sample's loss, such as prior preservation's weight for pictures of the class (Ruiz et al.
   *   2023, DreamBooth); the mean is over B and not over the weights, as in diffengine
   */
  loss(
    original: Tensor,
    draws: SampleRng,
    predict: (noisy: Tensor, timesteps: readonly number[]) => Tensor,
    weights?: readonly number[],
  ): StageLoss {
    const { device } = original;
    const shape = original.shape.slice(1);
    const timesteps = drawTimesteps(this.#stage.timesteps, draws, this.#schedule.length);
    const noise = drawNoise(this.#stage.noise, draws, shape).to({ device });
    const { inputPerturbation } = this.#stage.noise;
    const added =
      inputPerturbation === 0
        ? noise
        : noise.add(draws.normal(shape, device).mul(inputPerturbation));
    const noisy = this.#schedule.addNoise(original, added, timesteps);
    const input = { modelOutput: predict(noisy, timesteps), original, noise, noisy, timesteps };
    const { type, huberDelta, ...weighting } = this.#stage.loss;
    const result: ObjectiveOutput =
      type === "epsilon+vlb"
        ? gaussianDiffusionLoss(this.#schedule, input, weighting)
        : noisePredictionLoss(this.#schedule, input, {
            ...weighting,
            huberDelta,
            predictionType: predictionType(type),
          });
    const parts = Object.entries(result.parts).map(
      ([name, values]) => [name, values.mean()] as const,
    );
    return {
      loss: meanOf(result.loss, weights),
      parts: Object.fromEntries(parts),
      samples: { values: result.loss.detach(), timesteps },
    };
  }
}

/** The mean over per-sample losses, each multiplied by its weight. */
function meanOf(losses: Tensor, weights: readonly number[] | undefined): Tensor {
  if (weights === undefined) return losses.mean();
  const [count] = losses.shape;
  if (weights.length !== count) {
    throw expected(`${count} numbers, one per sample,`, "weights", weights.length);
  }
  return losses.mul(torch.tensor([...weights], { device: losses.device })).mean();
}
