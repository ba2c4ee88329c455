import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { f32, sqrt32 } from "./arithmetic.ts";
import { BaseScheduler } from "./base-scheduler.ts";
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
} from "./common-fields.ts";
import { type Fields, oneOf, readFields, type SchedulerJson } from "./config-fields.ts";
import { drawNoise } from "./draw-noise.ts";
import { levelOfSignal } from "./noise-level.ts";
import { clipOriginal, predictOriginal } from "./prediction.ts";
import type { SchedulerStep, SchedulerStepOptions } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import { spaceIntegers } from "./timestep-spacing.ts";

/** The fields of diffusers' `DDPMScheduler`, in camelCase. */
export interface DDPMConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    ClippingConfig {
  readonly predictionType: PredictionType;
  readonly varianceType: "fixed_small";
  readonly rescaleBetasZeroSnr: false;
}

export const ddpmFields: Fields<DDPMConfig> = {
  ...scheduleFields,
  varianceType: oneOf("fixed_small"),
  ...clippingFields,
  predictionType: predictionField,
  ...thresholdingFields,
  ...spacingFields,
  timestepSpacing: oneOf("leading", "linspace", "trailing"),
  rescaleBetasZeroSnr: oneOf(false),
};

const NAME = "DDPMScheduler";

/** Ancestral sampling (Ho et al. 2020, arXiv 2006.11239), with the configuration file and the float32 arithmetic of diffusers' class. */
export class DDPMScheduler extends BaseScheduler<DDPMConfig> {
  override readonly className = NAME;

  /**
   * Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. x0 is clipped to ±1
   * by default, but not where the file is another sampler's that knows no clipping, as PixArt's is: latents lie outside ±1.
   */
  static fromConfig(json: SchedulerJson = {}): DDPMScheduler {
    const foreign = { clipSample: false, varianceType: "fixed_small" } as const;
    return new DDPMScheduler(readFields<DDPMConfig>(json, NAME, ddpmFields, foreign));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<DDPMScheduler> {
    return readSchedulerFile(folder, options, DDPMScheduler.fromConfig);
  }

  override clone(): DDPMScheduler {
    return new DDPMScheduler(this.config);
  }

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
    const index = this.position.indexOf(timestep);
    const { acp } = this.schedule.at(timestep);
    const target = this.timesteps[index + 1];
    const acpTarget = target === undefined ? 1 : this.schedule.at(target).acp;
    const [rest, restTarget] = [f32(1 - acp), f32(1 - acpTarget)];
    const alpha = f32(acp / acpTarget);
    const beta = f32(1 - alpha);
    const variance = Math.max(f32(f32(restTarget / rest) * beta), f32(1e-20));
    const result = torch.tidy(() => {
      const predOriginalSample = this.predictOriginal(modelOutput, timestep, sample);
      const mean = predOriginalSample
        .mul(f32(f32(sqrt32(acpTarget) * beta) / rest))
        .add(sample.mul(f32(f32(sqrt32(alpha) * restTarget) / rest)));
      const prevSample =
        timestep > 0 ? mean.add(drawNoise(modelOutput, generator).mul(sqrt32(variance))) : mean;
      return { prevSample, predOriginalSample };
    });
    this.position.advance(index);
    return result;
  }

  /** x0 at `timestep`, clipped where the config says so. */
  protected predictOriginal(modelOutput: Tensor, timestep: number, sample: Tensor): Tensor {
    const { predictionType } = this.config;
    const level = levelOfSignal(this.schedule.at(timestep).acp);
    return clipOriginal(predictOriginal(predictionType, modelOutput, sample, level), this.config);
  }
}
