import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import type { PredictionType, ScheduleConfig, SpacingConfig } from "../config/common-fields.ts";
import { f32, sqrt32 } from "../noise/arithmetic.ts";
import { columnOf } from "../noise/column.ts";
import { LEAST_SIGNAL, trainingSigmas } from "../noise/noise-level.ts";
import {
  logarithms,
  type Respacing,
  refuseRespaced,
  respaceSigmas,
  type SigmaPlan,
  sigmasAt,
  timestepOfSigma,
} from "../noise/sigma-spacing.ts";
import { spaceFloats } from "../noise/timestep-spacing.ts";

export interface SigmaConfig extends ScheduleConfig, SpacingConfig {
  readonly predictionType: PredictionType;
}

/**
 * Shared by the samplers of Karras et al. 2022 (arXiv 2206.00364): samples are x0 + σ·ε, starting from noise of standard
 * deviation σ, and the model's input is sample/√(σ² + 1). Timesteps are fractional.
 */
export abstract class SigmaScheduler<Config extends SigmaConfig> extends TrainedScheduler<Config> {
  protected readonly trainSigmas: readonly number[];
  /** The noise level before each step, and 0 or the lowest training level at the end. */
  #sigmas: readonly number[] = [];

  constructor(config: Config) {
    super(config, LEAST_SIGNAL);
    this.trainSigmas = trainingSigmas(this.schedule);
  }

  /** How the config spaces the noise levels, if not by the timesteps. */
  protected abstract readonly respacing: Respacing | undefined;

  /** Turns the levels into steps. */
  protected abstract start(plan: SigmaPlan): void;

  /** The noise level before each step, and the one at which the last step ends. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  override get initNoiseSigma(): number {
    const largest = Math.max(...(this.#sigmas.length > 0 ? this.#sigmas : this.trainSigmas));
    return this.config.timestepSpacing === "leading" ? rootOfTotal(largest) : largest;
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    refuseRespaced(this.respacing !== undefined, timesteps);
    const floats = timesteps.map(f32);
    this.start({ timesteps: floats, sigmas: this.levelsAt(floats) });
  }

  protected setPlan(timesteps: readonly number[], sigmas: readonly number[]): void {
    this.position.plan(timesteps);
    this.#sigmas = sigmas.map(f32);
  }

  protected override planCount(count: number): void {
    const timesteps = spaceFloats(count, this.config);
    const sigmas = this.levelsAt(timesteps);
    if (this.respacing === undefined) {
      this.start({ timesteps, sigmas });
      return;
    }
    const [first, last] = this.rangeOf(sigmas);
    const respaced = respaceSigmas(this.respacing, count, first, last);
    this.start({ timesteps: this.timestepsOf(respaced), sigmas: respaced });
  }

  /** The noise levels of timesteps. */
  protected levelsAt(timesteps: readonly number[]): number[] {
    return sigmasAt(timesteps, this.trainSigmas);
  }

  /** The highest and the lowest of the levels that are respaced. */
  protected rangeOf(sigmas: readonly number[]): readonly [first: number, last: number] {
    return [sigmas[0] ?? 0, sigmas.at(-1) ?? 0];
  }

  /** The timesteps of noise levels. */
  protected timestepsOf(sigmas: readonly number[]): number[] {
    const logSigmas = logarithms(this.trainSigmas);
    return sigmas.map((sigma) => f32(timestepOfSigma(sigma, logSigmas)));
  }

  override scaleModelInput(sample: Tensor, timestep: number): Tensor {
    return sample.div(rootOfTotal(this.sigmaAt(this.position.indexOf(timestep))));
  }

  /** Adds σ·`noise` to `original`; the timesteps are of the current schedule, or before there is one, of the training. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    const isPlanned = this.timesteps.length > 0;
    const sigmas = timesteps.map((timestep) => {
      const sigma = isPlanned
        ? this.#sigmas[this.position.nextAt(timestep) ?? this.timesteps.lastIndexOf(timestep)]
        : this.trainSigmas[timestep];
      if (sigma !== undefined) return sigma;
      const which = isPlanned ? "of the schedule" : "of the training (setTimesteps was not called)";
      throw expected(`a timestep ${which}`, "timesteps", timestep);
    });
    return torch.tidy(() => original.add(noise.mul(columnOf(sigmas, original))));
  }

  protected sigmaAt(index: number): number {
    return this.#sigmas[index] ?? Number.NaN;
  }
}

/** √(σ² + 1) in float32. */
export const rootOfTotal = (sigma: number): number => sqrt32(f32(f32(sigma * sigma) + 1));
