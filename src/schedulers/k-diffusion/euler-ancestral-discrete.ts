import { oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import {
  scheduleFields,
  spacingFields,
  type ZeroSnrConfig,
  zeroSnrFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { predictOriginalFromSigma } from "../noise/prediction.ts";
import type { SigmaPlan } from "../noise/sigma-spacing.ts";
import { ancestralStep } from "./ancestral-step.ts";
import { type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";

/** The fields of diffusers' `EulerAncestralDiscreteScheduler`, in camelCase. */
export interface EulerAncestralDiscreteConfig extends SigmaConfig, ZeroSnrConfig {
  readonly predictionType: "epsilon" | "v_prediction";
}

const fields: Fields<EulerAncestralDiscreteConfig> = {
  ...scheduleFields,
  predictionType: oneOf("epsilon", "v_prediction"),
  ...spacingFields,
  ...zeroSnrFields,
};

/**
 * Euler's method that steps further down than needed and adds noise again, with the configuration file and the float32 arithmetic
 * of diffusers' class.
 */
export class EulerAncestralDiscreteScheduler extends SigmaScheduler<EulerAncestralDiscreteConfig> {
  static readonly className: string = "EulerAncestralDiscreteScheduler";
  static readonly fields: Fields<EulerAncestralDiscreteConfig> = fields;
  protected override readonly respacing = undefined;

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    this.setPlan(timesteps, [...sigmas, 0]);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const [sigma, target] = [this.sigmaAt(index), this.sigmaAt(index + 1)];
    const { down, up } = ancestralStep(sigma, target);
    const result = torch.tidy(() => {
      const x = sample.float();
      const predOriginalSample = predictOriginalFromSigma(
        this.config.predictionType,
        modelOutput,
        x,
        sigma,
      );
      const derivative = x.sub(predOriginalSample).div(sigma);
      const prevSample = x
        .add(derivative.mul(f32(down - sigma)))
        .add(drawNoise(modelOutput, generator).mul(up));
      return { prevSample: prevSample.to({ dtype: modelOutput.dtype }), predOriginalSample };
    });
    this.position.advance(index);
    return result;
  }
}
