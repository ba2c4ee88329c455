import type { ResolvedStage } from "../../config/index.ts";
import type { NoiseSchedule } from "../../schedulers/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { SampleRng } from "../contract/sample-rng.ts";
import type { StageLoss } from "../contract/stage-task.ts";
import { latentConsistencyLoss, type PredictNoise } from "../objectives/index.ts";

type Stage = ResolvedStage<"text-to-image">;

/** A network's output for noisy latents (B, C, h, w) at (B) timesteps: the prediction, possibly followed by a variance. */
type Predict = (noisy: Tensor, timesteps: readonly number[]) => Tensor;

/** The networks of a distillation, as functions. */
export interface ConsistencyNetworks {
  readonly student: Predict;
  readonly teacher: { readonly conditional: Predict; readonly unconditional: Predict };
  readonly target: Predict;
}

/** Latent consistency distillation of a stage: draws a solver step per sample and computes the loss. */
export class Consistency {
  readonly #schedule: NoiseSchedule;
  readonly #stage: Stage;
  readonly #options: NonNullable<Stage["consistency"]>;

  constructor(stage: Stage, options: NonNullable<Stage["consistency"]>, schedule: NoiseSchedule) {
    this.#stage = stage;
    this.#schedule = schedule;
    this.#options = options;
  }

  /** @param original (B, C, h, w) scaled latents */
  loss(original: Tensor, draws: SampleRng, networks: ConsistencyNetworks): StageLoss {
    const solverIndices = draws.integers(this.#options.solverSteps);
    const noise = draws.normal(original.shape.slice(1), original.device);
    const { student, teacher, target } = networks;
    const noiseOf = (predict: Predict): PredictNoise => this.#noiseOf(predict);
    const { loss, parts } = latentConsistencyLoss(
      this.#schedule,
      { original, noise, solverIndices },
      {
        student: noiseOf(student),
        teacher: {
          conditional: noiseOf(teacher.conditional),
          unconditional: noiseOf(teacher.unconditional),
        },
        target: noiseOf(target),
      },
      this.#options,
    );
    const stride = Math.floor(this.#schedule.length / this.#options.solverSteps);
    return {
      loss: loss.mean(),
      parts: Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, value.mean()])),
      samples: {
        values: loss.detach(),
        timesteps: solverIndices.map((index) => (index + 1) * stride - 1),
      },
    };
  }

  /** The noise that a prediction implies: the prediction itself, or derived from a velocity. */
  #noiseOf(predict: Predict): PredictNoise {
    return (noisy, timesteps) => {
      const prediction = predict(noisy, timesteps).float().narrow(1, 0, noisy.size(1));
      if (this.#stage.loss.type !== "v") return prediction;
      const gather = (value: (acp: number) => number): Tensor =>
        this.#schedule.gather(({ acp }) => value(acp), timesteps, noisy);
      return prediction.mul(gather(Math.sqrt)).add(noisy.mul(gather((acp) => Math.sqrt(1 - acp))));
    };
  }
}
