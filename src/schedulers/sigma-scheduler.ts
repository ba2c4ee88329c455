import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { f32, sqrt32 } from "./arithmetic.ts";
import { BaseScheduler } from "./base-scheduler.ts";
import { columnOf } from "./column.ts";
import type { PredictionType, ScheduleConfig, SpacingConfig } from "./common-fields.ts";
import { trainingSigmas } from "./noise-level.ts";
import {
  logarithms,
  type Respacing,
  refuseRespaced,
  respaceSigmas,
  type SigmaPlan,
  sigmasAt,
  timestepOfSigma,
} from "./sigma-spacing.ts";
import { spaceFloats } from "./timestep-spacing.ts";

export interface SigmaConfig extends ScheduleConfig, SpacingConfig {
  readonly predictionType: PredictionType;
}

/**
 * What the samplers of Karras et al. 2022 (arXiv 2206.00364) share: samples are x0 + σ·ε, starting from noise of standard
 * deviation σ, and the model is fed sample/√(σ² + 1). Timesteps are fractional.
 */
export abstract class SigmaScheduler<Config extends SigmaConfig> extends BaseScheduler<Config> {
  protected readonly trainSigmas: readonly number[] = trainingSigmas(this.schedule);
  /** The noise level before each step, and 0 or the least training level at the end. */
  #sigmas: readonly number[] = [];

  /** How the config spaces the noise levels, unless through the timesteps. */
  protected abstract readonly respacing: Respacing | undefined;

  /** Lays the levels out as steps; `final` is where they end. */
  protected abstract start(plan: SigmaPlan): void;

  /** The noise level before each step, and the one that the last step arrives at. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  override get initNoiseSigma(): number {
    const largest = Math.max(...(this.#sigmas.length > 0 ? this.#sigmas : this.trainSigmas));
    return this.config.timestepSpacing === "leading" ? rootOfTotal(largest) : largest;
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    refuseRespaced(this.respacing, timesteps);
    const floats = timesteps.map(f32);
    this.start({ timesteps: floats, sigmas: sigmasAt(floats, this.trainSigmas) });
  }

  protected setPlan(timesteps: readonly number[], sigmas: readonly number[]): void {
    this.position.plan(timesteps);
    this.#sigmas = sigmas.map(f32);
  }

  protected override planCount(count: number): void {
    const timesteps = spaceFloats(count, this.config);
    const sigmas = sigmasAt(timesteps, this.trainSigmas);
    if (this.respacing === undefined) {
      this.start({ timesteps, sigmas });
      return;
    }
    const respaced = respaceSigmas(this.respacing, count, sigmas[0] ?? 0, sigmas.at(-1) ?? 0);
    const logSigmas = logarithms(this.trainSigmas);
    this.start({
      timesteps: respaced.map((sigma) => f32(timestepOfSigma(sigma, logSigmas))),
      sigmas: respaced,
    });
  }

  override scaleModelInput(sample: Tensor, timestep: number): Tensor {
    return sample.div(rootOfTotal(this.sigmaAt(this.position.indexOf(timestep))));
  }

  /** `original` with σ·`noise`; the timesteps are of the current schedule. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    const sigmas = timesteps.map((timestep) => {
      const index = this.timesteps.lastIndexOf(timestep);
      if (index >= 0) return this.sigmaAt(index);
      throw new RangeError(
        `Expected a timestep of the schedule (call setTimesteps first) for timesteps but received ${timestep}`,
      );
    });
    return torch.tidy(() => original.add(noise.mul(columnOf(sigmas, original))));
  }

  protected sigmaAt(index: number): number {
    return this.#sigmas[index] ?? Number.NaN;
  }
}

/** √(σ² + 1) in float32. */
const rootOfTotal = (sigma: number): number => sqrt32(f32(f32(sigma * sigma) + 1));
