import { expected } from "../../errors/index.ts";
import { oneOf, positive } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { BaseScheduler } from "../base/base-scheduler.ts";
import { trainTimestepsField } from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32, log32, sqrt32 } from "../noise/arithmetic.ts";
import { columnOf } from "../noise/column.ts";
import { karrasSigmas, spacedEvenly } from "../noise/sigma-spacing.ts";

/** The common fields of diffusers' two EDM schedulers, in camelCase. */
export interface EDMConfig {
  readonly sigmaMin: number;
  readonly sigmaMax: number;
  /** Standard deviation of the data. */
  readonly sigmaData: number;
  readonly sigmaSchedule: "karras" | "exponential";
  readonly numTrainTimesteps: number;
  readonly predictionType: "epsilon" | "v_prediction";
  readonly rho: number;
  readonly finalSigmasType: "zero" | "sigma_min";
}

export const edmFields: Fields<EDMConfig> = {
  sigmaMin: positive(0.002),
  sigmaMax: positive(80),
  sigmaData: positive(0.5),
  sigmaSchedule: oneOf("karras", "exponential"),
  numTrainTimesteps: trainTimestepsField,
  predictionType: oneOf("epsilon", "v_prediction"),
  rho: positive(7),
  finalSigmasType: oneOf("zero", "sigma_min"),
};

/**
 * Shared by samplers of models trained as in Karras et al. 2022 (arXiv 2206.00364, table 1): samples are x0 + σ·ε, the model's
 * input is sample/√(σ² + σ_data²) at the timestep ln(σ)/4, and x0 is a mixture of the sample and its output. No PixArt is such a
 * model.
 */
export abstract class EDMScheduler<Config extends EDMConfig> extends BaseScheduler<Config> {
  #sigmas: readonly number[] = [];

  /** The noise level before each step, and the one at which the last step ends. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  override get initNoiseSigma(): number {
    return (this.config.sigmaMax ** 2 + 1) ** 0.5;
  }

  protected override planCount(count: number): void {
    const { sigmaMin, sigmaMax, sigmaSchedule, rho, finalSigmasType } = this.config;
    const levels =
      sigmaSchedule === "karras"
        ? karrasSigmas(spacedEvenly(0, 1, count), sigmaMax, sigmaMin, rho).map(f32)
        : exponentialSigmas(count, sigmaMin, sigmaMax);
    this.position.plan(levels.map((sigma) => f32(0.25 * log32(sigma))));
    this.#sigmas = [...levels, finalSigmasType === "zero" ? 0 : this.lastSigma(levels)];
  }

  /** The level at which the last step ends, unless that is 0: of the last step itself. */
  protected lastSigma(levels: readonly number[]): number {
    return levels.at(-1) ?? 0;
  }

  override scaleModelInput(sample: Tensor, timestep: number): Tensor {
    const sigma = this.sigmaAt(this.position.indexOf(timestep));
    return sample.mul(f32(1 / sqrt32(this.#total(sigma))));
  }

  /** x0 from the model's output for `sample` at noise level σ. */
  protected predictOriginal(modelOutput: Tensor, sample: Tensor, sigma: number): Tensor {
    const { sigmaData, predictionType } = this.config;
    const total = this.#total(sigma);
    const sign = predictionType === "epsilon" ? 1 : -1;
    const share = f32(f32(sign * f32(sigma * f32(sigmaData))) / sqrt32(total));
    return sample.mul(f32(f32(sigmaData ** 2) / total)).add(modelOutput.mul(share));
  }

  /** σ² + σ_data². */
  #total(sigma: number): number {
    return f32(f32(sigma * sigma) + f32(this.config.sigmaData ** 2));
  }

  /** Adds σ·`noise` to `original`; the timesteps are of the current schedule. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    const sigmas = timesteps.map((timestep) => {
      const index = this.timesteps.indexOf(timestep);
      if (index >= 0) return this.sigmaAt(index);
      throw expected("a timestep of the schedule (call setTimesteps first)", "timesteps", timestep);
    });
    return torch.tidy(() => original.add(noise.mul(columnOf(sigmas, original))));
  }

  protected sigmaAt(index: number): number {
    return this.#sigmas[index] ?? Number.NaN;
  }
}

/** `count` levels from `most` down to `least`, evenly spaced in ln σ, as libtorch computes them in float32. */
const exponentialSigmas = (count: number, least: number, most: number): number[] =>
  torch.tidy(() =>
    Array.from(
      torch
        .linspace(Math.log(least), Math.log(most), count, { dtype: "float32" })
        .exp()
        .flip([0])
        .toFloat32Array(),
    ),
  );
