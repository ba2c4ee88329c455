import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { f32 } from "./arithmetic.ts";
import {
  predictionField,
  type RespacingConfig,
  respacingFields,
  scheduleFields,
  spacingFields,
} from "./common-fields.ts";
import { type Fields, oneOf, readFields, type SchedulerJson } from "./config-fields.ts";
import { predictOriginalFromSigma } from "./prediction.ts";
import type { SchedulerStep } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import { type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";
import { type Respacing, respacingOf, type SigmaPlan } from "./sigma-spacing.ts";

/** The fields of diffusers' `EulerDiscreteScheduler`, in camelCase. */
export interface EulerDiscreteConfig extends SigmaConfig, RespacingConfig {
  readonly interpolationType: "linear";
  readonly sigmaMin: null;
  readonly sigmaMax: null;
  readonly timestepType: "discrete";
  readonly rescaleBetasZeroSnr: false;
  readonly finalSigmasType: "zero" | "sigma_min";
}

const fields: Fields<EulerDiscreteConfig> = {
  ...scheduleFields,
  predictionType: predictionField,
  interpolationType: oneOf("linear"),
  ...respacingFields,
  sigmaMin: oneOf(null),
  sigmaMax: oneOf(null),
  ...spacingFields,
  timestepType: oneOf("discrete"),
  rescaleBetasZeroSnr: oneOf(false),
  finalSigmasType: oneOf("zero", "sigma_min"),
};

const NAME = "EulerDiscreteScheduler";

/** Euler's method on the noise level (Karras et al. 2022, algorithm 2 without churn), with the configuration file and the float32 arithmetic of diffusers' class. */
export class EulerDiscreteScheduler extends SigmaScheduler<EulerDiscreteConfig> {
  override readonly className = NAME;
  protected override readonly respacing: Respacing | undefined = respacingOf(this.config);

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: SchedulerJson = {}): EulerDiscreteScheduler {
    return new EulerDiscreteScheduler(readFields<EulerDiscreteConfig>(json, NAME, fields));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<EulerDiscreteScheduler> {
    return readSchedulerFile(folder, options, EulerDiscreteScheduler.fromConfig);
  }

  override clone(): EulerDiscreteScheduler {
    return new EulerDiscreteScheduler(this.config);
  }

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    const final = this.config.finalSigmasType === "zero" ? 0 : (this.trainSigmas[0] ?? 0);
    this.setPlan(timesteps, [...sigmas, final]);
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const [sigma, target] = [this.sigmaAt(index), this.sigmaAt(index + 1)];
    const result = torch.tidy(() => {
      const x = sample.float();
      const predOriginalSample = predictOriginalFromSigma(
        this.config.predictionType,
        modelOutput,
        x,
        sigma,
      );
      const derivative = x.sub(predOriginalSample).div(sigma);
      const prevSample = x.add(derivative.mul(f32(target - sigma)));
      return { prevSample: prevSample.to({ dtype: modelOutput.dtype }), predOriginalSample };
    });
    this.position.advance(index);
    return result;
  }
}
