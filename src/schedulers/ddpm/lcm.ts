import { expected } from "../../errors/index.ts";
import { flag, number, oneOf, positive } from "../../files/reading/config-fields.ts";
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
import { MOST_TIMESTEPS } from "../config/most-timesteps.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictOriginal } from "../noise/prediction.ts";
import { spaceDistilled } from "../noise/timestep-spacing.ts";

/** The fields of diffusers' `LCMScheduler`, in camelCase. */
export interface LCMConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    ClippingConfig,
    ZeroSnrConfig {
  /** Steps of the solver that the model was distilled from. */
  readonly originalInferenceSteps: number;
  readonly setAlphaToOne: boolean;
  readonly predictionType: PredictionType;
  /** How steeply the output moves from the sample to the prediction with the timestep. */
  readonly timestepScaling: number;
}

/** The fields of samplers for consistency models, shared by diffusers' `TCDScheduler`. */
export const lcmFields: Fields<LCMConfig> = {
  ...scheduleFields,
  betaStart: positive(0.00085),
  betaEnd: positive(0.012),
  betaSchedule: oneOf("scaled_linear", "linear", "squaredcos_cap_v2"),
  originalInferenceSteps: number(
    50,
    `an integer from 1 to ${MOST_TIMESTEPS}`,
    (n) => Number.isInteger(n) && n > 0 && n <= MOST_TIMESTEPS,
  ),
  ...clippingFields,
  clipSample: flag(false),
  setAlphaToOne: flag(true),
  ...spacingFields,
  predictionType: predictionField,
  ...thresholdingFields,
  timestepSpacing: oneOf("leading", "linspace", "trailing"),
  timestepScaling: positive(10),
  ...zeroSnrFields,
};

/** Of the data, as used in the boundary condition of consistency models (Luo et al. 2023, arXiv 2310.04378). */
const DEVIATION_SQUARED = 0.25;

/**
 * Sampling from latent consistency models, such as PixArt-δ: predict x0, then add noise again for the next timestep. With the
 * configuration file and the float32 arithmetic of diffusers' class.
 */
export class LCMScheduler extends TrainedScheduler<LCMConfig> {
  static readonly className: string = "LCMScheduler";
  /** The default noise schedule is Stable Diffusion's, not PixArt's. */
  static readonly fields: Fields<LCMConfig> = lcmFields;

  constructor(config: LCMConfig) {
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

  /** One step; `predOriginalSample` is x0 after the boundary condition, which diffusers calls `denoised`. */
  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictionType, timestepScaling } = this.config;
    const target = this.timesteps[index + 1];
    const scaled = f32(timestep * f32(timestepScaling));
    const total = f32(f32(scaled * scaled) + DEVIATION_SQUARED);
    const result = torch.tidy(() => {
      const level = levelOfSignal(this.schedule.at(timestep).acp);
      const original = predictOriginal(predictionType, modelOutput, sample, level);
      const kept = restrictOriginal(original, this.config);
      const denoised = kept
        .mul(f32(scaled / sqrt32(total)))
        .add(sample.mul(f32(DEVIATION_SQUARED / total)));
      if (target === undefined) return { prevSample: denoised, predOriginalSample: denoised };
      const { alpha, spread } = levelOfSignal(this.schedule.at(target).acp);
      const noise = drawNoise(modelOutput, generator, denoised.dtype);
      const prevSample = denoised.mul(alpha).add(noise.mul(spread));
      return { prevSample, predOriginalSample: denoised };
    });
    this.position.advance(index);
    return result;
  }
}

/** Throws if a model was distilled from more steps than there are. */
export function requireDistilled(config: LCMConfig): void {
  if (config.originalInferenceSteps <= config.numTrainTimesteps) return;
  throw expected(
    `at most ${config.numTrainTimesteps} (num_train_timesteps)`,
    "original_inference_steps",
    config.originalInferenceSteps,
  );
}
