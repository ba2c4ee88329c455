import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { BetaSchedule } from "../config/common-fields.ts";
import { betasOf, rescaledToZeroSnr } from "./betas.ts";
import { columnOf } from "./column.ts";

export interface NoiseScheduleOptions {
  /** Variance added by the first step. Default 1e-4. */
  readonly betaStart?: number;
  /** Variance added by the last step. Default 0.02. */
  readonly betaEnd?: number;
  /** Default 1000. */
  readonly numTrainTimesteps?: number;
}

/** Schedule options of diffusers' samplers. */
export interface Float32ScheduleOptions extends NoiseScheduleOptions {
  /** How β grows. Default "linear". */
  readonly betaSchedule?: BetaSchedule;
  /** β of each timestep, instead of the above. */
  readonly trainedBetas?: readonly number[] | null;
  /** Whether the last timestep is pure noise. Default false. */
  readonly rescaleBetasZeroSnr?: boolean;
  /** The signal left there, for samplers that divide by it. Default: none. */
  readonly leastSignal?: number;
}

/** The schedule at one timestep. */
export interface TimestepNoise {
  /** β_t, the variance added by this step. */
  readonly beta: number;
  /** The cumulative product of 1 − β up to this step: the remaining variance of the signal. */
  readonly acp: number;
  /** The same before this step; 1 at t = 0. */
  readonly acpPrevious: number;
}

/** How much noise each training timestep holds: x_t = sqrt(acp_t)·x0 + sqrt(1 − acp_t)·ε. */
export class NoiseSchedule {
  /** β_t. */
  readonly betas: Readonly<Float64Array>;
  /** acp_t, the cumulative product of 1 − β. */
  readonly alphasCumprod: Readonly<Float64Array>;

  private constructor(betas: Float64Array, alphasCumprod: Float64Array) {
    this.betas = betas;
    this.alphasCumprod = alphasCumprod;
  }

  /** β linear in t, computed in float64 (PixArt-alpha, diffusion/model/gaussian_diffusion.py). */
  static linear(options: NoiseScheduleOptions = {}): NoiseSchedule {
    const { betaStart = 1e-4, betaEnd = 0.02, numTrainTimesteps = 1000 } = options;
    const step = (betaEnd - betaStart) / (numTrainTimesteps - 1);
    const betas = Float64Array.from({ length: numTrainTimesteps }, (_, t) =>
      t === numTrainTimesteps - 1 ? betaEnd : betaStart + step * t,
    );
    let product = 1;
    return new NoiseSchedule(
      betas,
      betas.map((beta) => {
        product *= 1 - beta;
        return product;
      }),
    );
  }

  /** The float32 tables of diffusers' schedulers, to the bit except for the cosine's. */
  static float32(options: Float32ScheduleOptions = {}): NoiseSchedule {
    const { betaStart = 1e-4, betaEnd = 0.02, numTrainTimesteps = 1000 } = options;
    const { betaSchedule = "linear", trainedBetas, rescaleBetasZeroSnr = false } = options;
    return torch.tidy(() => {
      const given = trainedBetas
        ? torch.tensor([...trainedBetas], { dtype: "float32" })
        : betasOf({ betaStart, betaEnd, numTrainTimesteps, betaSchedule });
      const betas = rescaleBetasZeroSnr ? rescaledToZeroSnr(given) : given;
      const signals = Float64Array.from(betas.neg().add(1).cumprod(0).toFloat32Array());
      if (rescaleBetasZeroSnr && options.leastSignal !== undefined)
        signals[signals.length - 1] = options.leastSignal;
      return new NoiseSchedule(Float64Array.from(betas.toFloat32Array()), signals);
    });
  }

  get length(): number {
    return this.betas.length;
  }

  /** The values at timestep `t`. Throws if the schedule has no such timestep. */
  at(t: number): TimestepNoise {
    const beta = this.betas[t];
    const acp = this.alphasCumprod[t];
    const acpPrevious = t === 0 ? 1 : this.alphasCumprod[t - 1];
    if (beta === undefined || acp === undefined || acpPrevious === undefined) {
      throw expected(`an integer from 0 to ${this.length - 1}`, "timestep", t);
    }
    return { beta, acp, acpPrevious };
  }

  /** Signal-to-noise ratio, acp/(1 − acp), at timestep `t`. */
  snr(t: number): number {
    const { acp } = this.at(t);
    return acp / (1 - acp);
  }

  /** x_t for clean samples `original` (B, …) and `noise` of the same shape, one timestep per row. */
  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return torch.tidy(() => {
      const signal = this.gather(({ acp }) => Math.sqrt(acp), timesteps, original);
      const spread = this.gather(({ acp }) => Math.sqrt(1 - acp), timesteps, original);
      return original.mul(signal).add(noise.mul(spread));
    });
  }

  /** v = sqrt(acp)·ε − sqrt(1 − acp)·x0, the target of v-prediction (Salimans and Ho 2022). */
  velocity(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return torch.tidy(() => {
      const signal = this.gather(({ acp }) => Math.sqrt(acp), timesteps, original);
      const spread = this.gather(({ acp }) => Math.sqrt(1 - acp), timesteps, original);
      return noise.mul(signal).sub(original.mul(spread));
    });
  }

  /** One coefficient per row, as a (B, 1, …) tensor of `like`'s rank, dtype and device. */
  gather(
    coefficient: (noise: TimestepNoise, t: number) => number,
    timesteps: readonly number[],
    like: Tensor,
  ): Tensor {
    return columnOf(
      timesteps.map((t) => coefficient(this.at(t), t)),
      like,
    );
  }
}
