import { InvalidValueError } from "../../errors/index.ts";
import { oneOf, positive } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import {
  type RespacingConfig,
  respacingFields,
  scheduleFields,
  spacingFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { predictOriginalFromSigma } from "../noise/prediction.ts";
import {
  logarithms,
  type Respacing,
  respacingOf,
  type SigmaPlan,
  timestepOfSigma,
} from "../noise/sigma-spacing.ts";
import { roundHalfToEven } from "../noise/timestep-spacing.ts";
import { rootOfTotal, type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";

/** The fields of diffusers' two KDPM2 schedulers, in camelCase. */
export interface KDPM2Config extends SigmaConfig, RespacingConfig {
  readonly predictionType: "epsilon" | "v_prediction";
}

export const kdpm2Fields: Fields<KDPM2Config> = {
  ...scheduleFields,
  betaStart: positive(0.00085),
  betaEnd: positive(0.012),
  ...respacingFields,
  predictionType: oneOf("epsilon", "v_prediction"),
  ...spacingFields,
};

/** The noise levels of a whole step. */
export interface KDPM2Step {
  readonly start: number;
  /** Where the model is evaluated for the slope of the whole step; 0 in the last step, which is first order. */
  readonly middle: number;
  readonly end: number;
  /** Standard deviation of the noise that is added at the end. */
  readonly noise: number;
}

/**
 * The second order of DPM-Solver on the noise level (Karras et al. 2022, arXiv 2206.00364, algorithm 2 with a midpoint, as in
 * k-diffusion), with the float32 arithmetic of diffusers' classes. N steps are 2N − 1 timesteps.
 */
export abstract class KDPM2Scheduler extends SigmaScheduler<KDPM2Config> {
  override readonly order = 2;
  protected override readonly respacing: Respacing | undefined = respacingOf(this.config);
  #steps: readonly KDPM2Step[] = [];
  /** The sample at the start of a step, until its second half. */
  #begun: Tensor | undefined;

  /** The levels of steps through `sigmas`, the last of which is 0. */
  protected abstract stepsThrough(sigmas: readonly number[]): KDPM2Step[];

  protected override planTimesteps(timesteps: readonly number[]): void {
    this.refuseTimesteps(timesteps);
  }

  protected override timestepsOf(sigmas: readonly number[]): number[] {
    const logSigmas = logarithms(this.trainSigmas);
    const timesteps = sigmas.map((sigma) => timestepOfSigma(sigma, logSigmas));
    return this.respacing === "karras" ? timesteps.map(roundHalfToEven) : timesteps;
  }

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    const levels = [...sigmas, 0].map(f32);
    this.#steps = this.stepsThrough(levels);
    const logSigmas = logarithms(this.trainSigmas);
    const planned = this.#steps.flatMap(({ middle }, i) => {
      const timestep = timesteps[i] ?? Number.NaN;
      return middle > 0 ? [timestep, f32(timestepOfSigma(middle, logSigmas))] : [timestep];
    });
    const [first = 0, ...rest] = levels;
    this.setPlan(planned, [first, ...rest.flatMap((sigma) => [sigma, sigma]), 0]);
  }

  override scaleModelInput(sample: Tensor, timestep: number): Tensor {
    const { start, middle } = this.#stepAt(this.position.indexOf(timestep));
    return sample.div(rootOfTotal(this.#begun === undefined ? start : middle));
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { start, middle, end, noise } = this.#stepAt(index);
    const begun = this.#begun;
    const here = begun === undefined ? start : middle;
    const { predictionType } = this.config;
    const result = torch.tidy(() => {
      const predOriginalSample = predictOriginalFromSigma(
        predictionType,
        modelOutput,
        sample,
        here,
      );
      const slope = sample.sub(predOriginalSample).div(here);
      const way = f32((begun === undefined ? middle : end) - start);
      const moved = (begun ?? sample).add(slope.mul(way));
      const isNoised = begun !== undefined && this.addsNoise;
      const prevSample = isNoised ? moved.add(drawNoise(modelOutput, generator).mul(noise)) : moved;
      return { prevSample, predOriginalSample };
    });
    this.forget();
    if (begun === undefined && middle > 0) this.#begun = torch.retain(sample);
    this.position.advance(index);
    return result;
  }

  /** Whether noise is drawn at the end of each step. */
  protected abstract readonly addsNoise: boolean;

  #stepAt(index: number): KDPM2Step {
    const step = this.#steps[Math.floor(index / 2)];
    const isSecondHalf = index % 2 === 1;
    if (step === undefined || isSecondHalf !== (this.#begun !== undefined)) {
      throw new InvalidValueError(
        `Expected a timestep at which a whole step starts but received ${this.timesteps[index]}`,
      );
    }
    return step;
  }

  protected override forget(): void {
    this.#begun?.dispose();
    this.#begun = undefined;
  }
}

/** exp of the mean of logarithms, float32 as libtorch computes it: the geometric mean of two levels, 0 if one of them is. */
export const geometricMiddle = (froms: readonly number[], tos: readonly number[]): number[] =>
  torch.tidy(() =>
    Array.from(
      torch
        .tensor([...froms])
        .log()
        .lerp(torch.tensor([...tos]).log(), 0.5)
        .exp()
        .toFloat32Array(),
    ),
  );
