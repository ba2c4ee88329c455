import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import { readFields, type SchedulerJson } from "../config/config-fields.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "../config/scheduler-file.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { levelOfSignal } from "../noise/noise-level.ts";
import { predictNoise, predictOriginal } from "../noise/prediction.ts";
import { spaceDistilled } from "../noise/timestep-spacing.ts";
import { type LCMConfig, lcmFields, requireDistilled } from "./lcm.ts";

/** The fields of diffusers' `TCDScheduler`, in camelCase; x0 is neither clipped nor thresholded whatever they say. */
export type TCDConfig = LCMConfig;

const NAME = "TCDScheduler";

/**
 * Trajectory consistency sampling (Zheng et al. 2024, arXiv 2402.19159): a step down to less noise than wanted, by the share
 * `eta`, and up again with new noise. With the configuration file and the float32 arithmetic of diffusers' class.
 */
export class TCDScheduler extends TrainedScheduler<TCDConfig> {
  override readonly className = NAME;
  override readonly endsAtOriginal = false;

  constructor(config: TCDConfig) {
    super(config);
    requireDistilled(config);
  }

  /**
   * Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults, of which the noise
   * schedule is Stable Diffusion's and not PixArt's.
   */
  static fromConfig(json: SchedulerJson = {}): TCDScheduler {
    return new TCDScheduler(readFields<TCDConfig>(json, NAME, lcmFields));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<TCDScheduler> {
    return readSchedulerFile(folder, options, TCDScheduler.fromConfig);
  }

  override clone(): TCDScheduler {
    return new TCDScheduler(this.config);
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
