import { flag, oneOf, positive } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import {
  type ClippingConfig,
  clippingFields,
  predictionField,
  type RespacingConfig,
  respacingFields,
  scheduleFields,
  spacingFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import { predictOriginalFromSigma } from "../noise/prediction.ts";
import { type Respacing, respacingOf, type SigmaPlan } from "../noise/sigma-spacing.ts";
import { type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";

/** The fields of diffusers' `HeunDiscreteScheduler`, in camelCase. */
export interface HeunDiscreteConfig extends SigmaConfig, RespacingConfig, ClippingConfig {}

const fields: Fields<HeunDiscreteConfig> = {
  ...scheduleFields,
  betaStart: positive(0.00085),
  betaEnd: positive(0.012),
  betaSchedule: oneOf("linear", "scaled_linear", "squaredcos_cap_v2", "exp"),
  predictionType: predictionField,
  ...respacingFields,
  ...clippingFields,
  clipSample: flag(false),
  ...spacingFields,
};

/** The state of a step between its two halves. */
interface FirstHalf {
  readonly sample: Tensor;
  readonly derivative: Tensor;
}

/**
 * Heun's method on the noise level (Karras et al. 2022, algorithm 2 without churn), with the configuration file and the float32
 * arithmetic of diffusers' class. Each step but the last calls the model twice, so N steps are 2N − 1 timesteps.
 */
export class HeunDiscreteScheduler extends SigmaScheduler<HeunDiscreteConfig> {
  static readonly className: string = "HeunDiscreteScheduler";
  /** The defaults of `beta_start` and `beta_end` are not PixArt's. */
  static readonly fields: Fields<HeunDiscreteConfig> = fields;
  override readonly order = 2;
  protected override readonly respacing: Respacing | undefined = respacingOf(this.config);
  #firstHalf: FirstHalf | undefined;

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    const twiceButFirst = (values: readonly number[]): number[] =>
      values.flatMap((value, index) => (index === 0 ? [value] : [value, value]));
    this.setPlan(twiceButFirst(timesteps), [...twiceButFirst(sigmas), 0]);
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const begun = this.#firstHalf;
    // The levels at which the whole step starts and ends; the second half predicts at its end.
    const start = this.sigmaAt(begun === undefined ? index : index - 1);
    const end = this.sigmaAt(begun === undefined ? index + 1 : index);
    const here = begun === undefined ? start : end;
    const [derivative, result] = torch.tidy(() => {
      const predOriginalSample = this.#predictOriginal(modelOutput, sample, here);
      const derivative = sample.sub(predOriginalSample).div(here);
      const slope = begun === undefined ? derivative : begun.derivative.add(derivative).div(2);
      const prevSample = (begun?.sample ?? sample).add(slope.mul(f32(end - start)));
      return [derivative, { prevSample, predOriginalSample }] as const;
    });
    this.forget();
    if (begun === undefined && index < this.timesteps.length - 1) {
      this.#firstHalf = { sample: torch.retain(sample), derivative: torch.keep(derivative) };
    } else {
      derivative.dispose();
    }
    this.position.advance(index);
    return result;
  }

  protected override forget(): void {
    this.#firstHalf?.sample.dispose();
    this.#firstHalf?.derivative.dispose();
    this.#firstHalf = undefined;
  }

  #predictOriginal(modelOutput: Tensor, sample: Tensor, sigma: number): Tensor {
    const { predictionType } = this.config;
    const original = predictOriginalFromSigma(predictionType, modelOutput, sample, sigma);
    return restrictOriginal(original, this.config);
  }
}
