import { oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import {
  type ClippingConfig,
  clippingFields,
  type PredictionType,
  predictionField,
  type ScheduleConfig,
  type SpacingConfig,
  scheduleFields,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
  type ZeroSnrConfig,
  zeroSnrFields,
} from "../config/common-fields.ts";
import { type Fields, orMeaning } from "../config/config-fields.ts";
import { exp32, f32, log32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import { deviationBetween, learnedParts } from "../noise/learned-variance.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictOriginal } from "../noise/prediction.ts";
import { spaceIntegers } from "../noise/timestep-spacing.ts";

/** The fields of diffusers' `DDPMScheduler`, in camelCase. */
export interface DDPMConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    ClippingConfig,
    ZeroSnrConfig {
  readonly predictionType: PredictionType;
  /** Deviation of the noise: by the lower or the upper bound of the variance, or as the model predicts it in further channels. */
  readonly varianceType:
    | "fixed_small"
    | "fixed_small_log"
    | "fixed_large"
    | "learned"
    | "learned_range";
}

export const ddpmFields: Fields<DDPMConfig> = {
  ...scheduleFields,
  betaSchedule: oneOf("linear", "scaled_linear", "squaredcos_cap_v2", "laplace", "sigmoid"),
  varianceType: orMeaning(
    oneOf("fixed_small", "fixed_small_log", "fixed_large", "learned", "learned_range"),
    "fixed_small",
    null,
  ),
  ...clippingFields,
  predictionType: predictionField,
  ...thresholdingFields,
  ...spacingFields,
  timestepSpacing: oneOf("leading", "linspace", "trailing"),
  ...zeroSnrFields,
};

/** Ancestral sampling (Ho et al. 2020, arXiv 2006.11239), with the configuration file and the float32 arithmetic of diffusers' class. */
export class DDPMScheduler extends TrainedScheduler<DDPMConfig> {
  static readonly className: string = "DDPMScheduler";
  static readonly fields: Fields<DDPMConfig> = ddpmFields;
  /** No clipping by default if the file is of another sampler without that field, as PixArt's is: latents lie outside ±1. */
  static readonly foreign: Partial<DDPMConfig> = { clipSample: false, varianceType: "fixed_small" };
  override readonly usesLearnedVariance: boolean = this.config.varianceType.startsWith("learned");

  protected override planCount(count: number): void {
    this.position.plan(spaceIntegers(count, this.config));
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    this.planTrained(timesteps);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const isPlanned = this.timesteps.length > 0;
    const index = isPlanned ? this.position.indexOf(timestep) : 0;
    const { acp } = this.schedule.at(timestep);
    // Without a plan, every training timestep is a step.
    const target = isPlanned ? (this.timesteps[index + 1] ?? -1) : timestep - 1;
    const acpTarget = target < 0 ? 1 : this.schedule.at(target).acp;
    const [rest, restTarget] = [f32(1 - acp), f32(1 - acpTarget)];
    const alpha = f32(acp / acpTarget);
    const beta = f32(1 - alpha);
    const bounds = {
      least: Math.max(f32(f32(restTarget / rest) * beta), f32(1e-20)),
      largest: beta,
    };
    const result = torch.tidy(() => {
      const [output, variance] = this.#parts(modelOutput, sample);
      const predOriginalSample = this.predictOriginal(output, timestep, sample);
      const mean = predOriginalSample
        .mul(f32(f32(sqrt32(acpTarget) * beta) / rest))
        .add(sample.mul(f32(f32(sqrt32(alpha) * restTarget) / rest)));
      if (timestep === 0) return { prevSample: mean, predOriginalSample };
      const noise = drawNoise(output, generator);
      return { prevSample: mean.add(this.#scaled(noise, variance, bounds)), predOriginalSample };
    });
    if (isPlanned) this.position.advance(index);
    return result;
  }

  /** The model's predictions of the mean and of the variance. */
  #parts(modelOutput: Tensor, sample: Tensor): readonly [mean: Tensor, variance: Tensor] {
    if (!this.usesLearnedVariance) return [modelOutput, modelOutput];
    return learnedParts(modelOutput, sample.size(1));
  }

  /** `noise` with the standard deviation of the step, whose variance is between `least` and `largest`. */
  #scaled(
    noise: Tensor,
    variance: Tensor,
    { least, largest }: { readonly least: number; readonly largest: number },
  ): Tensor {
    switch (this.config.varianceType) {
      case "fixed_small":
        return noise.mul(sqrt32(least));
      case "fixed_small_log":
        return noise.mul(exp32(f32(0.5 * log32(least))));
      case "fixed_large":
        return noise.mul(sqrt32(largest));
      case "learned":
        return noise.mul(variance.sqrt());
      case "learned_range":
        return noise.mul(deviationBetween(variance, log32(least), log32(largest)));
    }
  }

  /** x0 at `timestep`, clipped if the config says so. */
  protected predictOriginal(modelOutput: Tensor, timestep: number, sample: Tensor): Tensor {
    const { predictionType } = this.config;
    const level = levelOfSignal(this.schedule.at(timestep).acp);
    return restrictOriginal(
      predictOriginal(predictionType, modelOutput, sample, level),
      this.config,
    );
  }
}
