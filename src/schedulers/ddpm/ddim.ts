import { InvalidStateError } from "../../errors/index.ts";
import { flag, oneOf } from "../../files/reading/config-fields.ts";
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
import type { Fields } from "../config/config-fields.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictNoise, predictOriginal } from "../noise/prediction.ts";
import { spaceIntegers } from "../noise/timestep-spacing.ts";

/** The fields of diffusers' `DDIMScheduler`, in camelCase. */
export interface DDIMConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    ClippingConfig,
    ZeroSnrConfig {
  readonly predictionType: PredictionType;
  readonly setAlphaToOne: boolean;
}

const fields: Fields<DDIMConfig> = {
  ...scheduleFields,
  ...clippingFields,
  setAlphaToOne: flag(true),
  ...spacingFields,
  predictionType: predictionField,
  ...thresholdingFields,
  timestepSpacing: oneOf("leading", "linspace", "trailing"),
  ...zeroSnrFields,
};

/** DDIM (Song et al. 2020, arXiv 2010.02502), with the configuration file and the float32 arithmetic of diffusers' class. */
export class DDIMScheduler extends TrainedScheduler<DDIMConfig> {
  static readonly className: string = "DDIMScheduler";
  static readonly fields: Fields<DDIMConfig> = fields;
  /** No clipping by default if the file is of another sampler without that field, as PixArt's is: latents lie outside ±1. */
  static readonly foreign: Partial<DDIMConfig> = { clipSample: false };
  #stride = 0;

  protected override planCount(count: number): void {
    this.position.plan(spaceIntegers(count, this.config));
    this.#stride = Math.floor(this.config.numTrainTimesteps / count);
  }

  /** One step, from any timestep of the training, in any order. */
  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator, eta = 0 }: SchedulerStepOptions = {},
  ): SchedulerStep {
    if (this.timesteps.length === 0) {
      throw new InvalidStateError("Expected setTimesteps to be called before step");
    }
    const { predictionType } = this.config;
    const { acp } = this.schedule.at(timestep);
    const acpTarget = this.#signalAt(timestep - this.#stride);
    const level = levelOfSignal(acp);
    const variance = f32(f32(f32(1 - acpTarget) / f32(1 - acp)) * f32(1 - f32(acp / acpTarget)));
    const deviation = f32(f32(eta) * sqrt32(variance));
    const result = torch.tidy(() => {
      const original = predictOriginal(predictionType, modelOutput, sample, level);
      const kept = restrictOriginal(original, this.config);
      // The noise is of the unclipped x0, as in diffusers.
      const noise = predictNoise(predictionType, modelOutput, sample, level);
      const direction = sqrt32(f32(f32(1 - acpTarget) - f32(deviation * deviation)));
      const mean = kept.mul(sqrt32(acpTarget)).add(noise.mul(direction));
      const prevSample =
        eta > 0 ? mean.add(drawNoise(modelOutput, generator).mul(deviation)) : mean;
      return { prevSample, predOriginalSample: kept };
    });
    return result;
  }

  /** What is left of the signal's variance at `timestep`, or before the first. */
  #signalAt(timestep: number): number {
    if (timestep >= 0) return this.schedule.at(timestep).acp;
    return this.config.setAlphaToOne ? 1 : this.schedule.at(0).acp;
  }
}
