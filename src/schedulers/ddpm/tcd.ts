import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictNoise, predictOriginal } from "../noise/prediction.ts";
import { spaceDistilled } from "../noise/timestep-spacing.ts";
import { type LCMConfig, lcmFields, requireDistilled } from "./lcm.ts";

/** The fields of diffusers' `TCDScheduler`, in camelCase; x0 is neither clipped nor thresholded regardless of them. */
export type TCDConfig = LCMConfig;

/**
 * Trajectory consistency sampling (Zheng et al. 2024, arXiv 2402.19159): a step down to less noise than wanted, by the share
 * `eta`, and up again with new noise. With the configuration file and the float32 arithmetic of diffusers' class.
 */
export class TCDScheduler extends TrainedScheduler<TCDConfig> {
  static readonly className: string = "TCDScheduler";
  /** The default noise schedule is Stable Diffusion's, not PixArt's. */
  static readonly fields: Fields<TCDConfig> = lcmFields;
  override readonly endsAtOriginal = false;

  constructor(config: TCDConfig) {
    super(config);
    requireDistilled(config);
  }

  protected override planCount(count: number): void {
    const { originalInferenceSteps, numTrainTimesteps } = this.config;
    this.position.plan(spaceDistilled(count, originalInferenceSteps, numTrainTimesteps));
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    this.planTrained(timesteps);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator, eta = 0.3 }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictionType } = this.config;
    const isLast = index === this.timesteps.length - 1;
    const target = this.timesteps[index + 1] ?? 0;
    const level = levelOfSignal(this.schedule.at(timestep).acp);
    const { acp: acpDown } = this.schedule.at(Math.floor(f32(f32(1 - eta) * target)));
    const down = levelOfSignal(acpDown);
    const kept = f32(this.schedule.at(target).acp / acpDown);
    const result = torch.tidy(() => {
      const original = predictOriginal(predictionType, modelOutput, sample, level);
      const noise = predictNoise(predictionType, modelOutput, sample, level);
      const lowered = original.mul(down.alpha).add(noise.mul(down.spread));
      if (eta === 0 || isLast) return { prevSample: lowered, predOriginalSample: original };
      const drawn = drawNoise(modelOutput, generator, lowered.dtype);
      const prevSample = lowered.mul(sqrt32(kept)).add(drawn.mul(sqrt32(f32(1 - kept))));
      return { prevSample, predOriginalSample: original };
    });
    this.position.advance(index);
    return result;
  }
}
