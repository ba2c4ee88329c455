import { expected, InvalidValueError } from "../../errors/index.ts";
import { nullable, oneOf, positive } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import {
  predictionField,
  type RespacingConfig,
  respacingFields,
  scheduleFields,
  spacingFields,
  type ZeroSnrConfig,
  zeroSnrFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32, log32 } from "../noise/arithmetic.ts";
import { predictOriginalFromSigma } from "../noise/prediction.ts";
import { type Respacing, respacingOf, type SigmaPlan } from "../noise/sigma-spacing.ts";
import { type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";

/** The fields of diffusers' `EulerDiscreteScheduler`, in camelCase. */
export interface EulerDiscreteConfig extends SigmaConfig, RespacingConfig, ZeroSnrConfig {
  /** How noise levels follow from the timesteps: through the training's table, or evenly in ln σ regardless of the timesteps. */
  readonly interpolationType: "linear" | "log_linear";
  /** The lowest and the highest level if levels are respaced. Default: those of the timesteps. */
  readonly sigmaMin: number | null;
  readonly sigmaMax: number | null;
  /** With "continuous", models that predict v get ln(σ)/4 as the timestep. */
  readonly timestepType: "discrete" | "continuous";
  readonly finalSigmasType: "zero" | "sigma_min";
}

const fields: Fields<EulerDiscreteConfig> = {
  ...scheduleFields,
  predictionType: predictionField,
  interpolationType: oneOf("linear", "log_linear"),
  ...respacingFields,
  sigmaMin: nullable(positive(1)),
  sigmaMax: nullable(positive(1)),
  ...spacingFields,
  timestepType: oneOf("discrete", "continuous"),
  ...zeroSnrFields,
  finalSigmasType: oneOf("zero", "sigma_min"),
};

/** Euler's method on the noise level (Karras et al. 2022, algorithm 2 without churn), with the configuration file and the float32 arithmetic of diffusers' class. */
export class EulerDiscreteScheduler extends SigmaScheduler<EulerDiscreteConfig> {
  static readonly className: string = "EulerDiscreteScheduler";
  static readonly fields: Fields<EulerDiscreteConfig> = fields;
  protected override readonly respacing: Respacing | undefined = respacingOf(this.config);

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    const final = this.config.finalSigmasType === "zero" ? 0 : (this.trainSigmas[0] ?? 0);
    this.#plan(timesteps, [...sigmas, final]);
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    if (this.#feedsSigma) {
      throw new InvalidValueError(
        `Expected a number of steps where timestep_type is "continuous" but received [${timesteps}]`,
      );
    }
    super.planTimesteps(timesteps);
  }

  /** Plans noise levels, the last of which is where the last step ends. */
  protected override planSigmas(sigmas: readonly number[]): void {
    if (sigmas.length < 2) {
      throw expected(
        "at least 2 noise levels (the last step ends at the last one)",
        "sigmas",
        `[${sigmas}]`,
      );
    }
    this.#plan(this.timestepsOf(sigmas.slice(0, -1).map(f32)), sigmas);
  }

  #plan(timesteps: readonly number[], sigmas: readonly number[]): void {
    const fed = sigmas.slice(0, timesteps.length).map((sigma) => f32(0.25 * log32(f32(sigma))));
    this.setPlan(this.#feedsSigma ? fed : timesteps, sigmas);
  }

  get #feedsSigma(): boolean {
    const { timestepType, predictionType } = this.config;
    return timestepType === "continuous" && predictionType === "v_prediction";
  }

  protected override levelsAt(timesteps: readonly number[]): number[] {
    if (this.config.interpolationType === "linear") return super.levelsAt(timesteps);
    const [largest, least] = [this.trainSigmas.at(-1) ?? 0, this.trainSigmas[0] ?? 0];
    // One more than the timesteps, as in diffusers: the last step does not reach zero noise.
    return torch.tidy(() =>
      Array.from(
        torch
          .linspace(log32(largest), log32(least), timesteps.length + 1, { dtype: "float32" })
          .exp()
          .toFloat32Array(),
      ),
    );
  }

  protected override rangeOf(sigmas: readonly number[]): readonly [first: number, last: number] {
    const [first, last] = super.rangeOf(sigmas);
    return [this.config.sigmaMax ?? first, this.config.sigmaMin ?? last];
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
