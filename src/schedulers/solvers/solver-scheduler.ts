import { InternalError, InvalidValueError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { StepPosition } from "../base/step-position.ts";
import { TensorHistory } from "../base/tensor-history.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import type {
  FlowConfig,
  RespacingConfig,
  ScheduleConfig,
  SolverPredictionType,
  SpacingConfig,
  ThresholdingConfig,
  ZeroSnrConfig,
} from "../config/common-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { columnOf } from "../noise/column.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import {
  LEAST_SIGNAL,
  type LogNoiseLevel,
  levelsOfSigmas,
  trainingSigmas,
} from "../noise/noise-level.ts";
import { predictNoise, predictOriginal } from "../noise/prediction.ts";
import {
  planFlow,
  planRespaced,
  type Respacing,
  refuseRespaced,
  respacingOf,
  roundingOf,
  type SigmaPlan,
  sigmasAt,
} from "../noise/sigma-spacing.ts";
import { spaceTimesteps } from "../noise/timestep-spacing.ts";
import type { DPMSolverLevels } from "./dpm-solver-update.ts";

export interface SolverConfig
  extends ScheduleConfig,
    ThresholdingConfig,
    RespacingConfig,
    FlowConfig,
    Partial<SpacingConfig>,
    Partial<ZeroSnrConfig> {
  readonly predictionType: SolverPredictionType;
  readonly useLuLambdas?: boolean;
  /** λ below which training timesteps are skipped. */
  readonly lambdaMinClipped?: number;
  /** If the model also predicts the variance, its additional channels are ignored. */
  readonly varianceType?: "learned" | "learned_range" | null;
}

/**
 * Shared by solvers of the diffusion ODE or SDE along λ: a noise level before each step, and the last few predictions. Timesteps
 * are integers.
 */
export abstract class SolverScheduler<
  Config extends SolverConfig,
> extends TrainedScheduler<Config> {
  override readonly endsAtOriginal: boolean = false;
  protected override readonly position: StepPosition = new StepPosition({ unplanned: "last" });
  /** Predictions of x0 or of the noise, newest first. */
  protected readonly history: TensorHistory;
  /** σ of the training timesteps, least noisy first. */
  protected readonly trainSigmas: readonly number[];
  protected readonly respacing: Respacing | undefined;
  #sigmas: readonly number[] = [];
  #levels: readonly LogNoiseLevel[] = [];

  /** @param remembered number of predictions needed before the current one */
  constructor(config: Config, remembered: number) {
    super(config, LEAST_SIGNAL);
    if (config.predictionType === "flow_prediction" && !config.useFlowSigmas) {
      throw new InvalidValueError(
        'Expected true for use_flow_sigmas where prediction_type is "flow_prediction" but received false',
      );
    }
    this.history = new TensorHistory(remembered);
    this.trainSigmas = trainingSigmas(this.schedule);
    this.respacing = this.respacingOf(config);
  }

  /** The level at which the last step ends; `least` is the last of the spaced levels or the lowest of the training. */
  protected abstract finalSigma(least: number): number;

  /** How the levels are spaced. Throws if the config selects two ways. */
  protected respacingOf(config: Config): Respacing | undefined {
    return respacingOf(config);
  }

  /** The noise level before each step, and the one at which the last step ends. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  protected override planCount(count: number): void {
    if (this.respacing !== undefined) this.startSpaced(this.planRespaced(this.respacing, count));
    else if (this.config.useFlowSigmas) this.startSpaced(this.planFlow(count));
    else this.#startAt(this.#space(count));
  }

  /** `count` respaced levels. */
  protected planRespaced(respacing: Respacing, count: number): SigmaPlan {
    const { trainSigmas } = this;
    return planRespaced(respacing, count, this.range, trainSigmas, this.roundingOf(respacing));
  }

  /** `count` levels of a flow. */
  protected planFlow(count: number): SigmaPlan {
    return planFlow(count, this.config.numTrainTimesteps, this.config.flowShift);
  }

  /** The highest and the lowest level if they are respaced. */
  protected get range(): readonly [largest: number, least: number] {
    return [this.trainSigmas.at(-1) ?? 0, this.trainSigmas[0] ?? 0];
  }

  /** How a respaced timestep becomes an integer. */
  protected roundingOf(respacing: Respacing): (timestep: number) => number {
    return roundingOf(respacing);
  }

  /** Plans given timesteps, for solvers that take them. */
  protected planGiven(timesteps: readonly number[]): void {
    refuseRespaced(this.respacing !== undefined || this.config.useFlowSigmas, timesteps);
    this.#startAt(timesteps.map(Math.trunc));
  }

  #space(count: number): number[] {
    const { config, trainSigmas } = this;
    const { lambdaMinClipped = Number.NEGATIVE_INFINITY } = config;
    const { timestepSpacing = "linspace", stepsOffset = 0, numTrainTimesteps } = config;
    const clipped = levelsOfSigmas(trainSigmas).filter(({ lambda }) => lambda < lambdaMinClipped);
    return spaceTimesteps(count, trainSigmas.length - clipped.length, {
      timestepSpacing,
      stepsOffset,
      numTrainTimesteps,
    });
  }

  #startAt(timesteps: readonly number[]): void {
    const sigmas = sigmasAt(timesteps, this.trainSigmas);
    this.#start(timesteps, [...sigmas, this.finalSigma(this.trainSigmas[0] ?? 0)]);
  }

  /** Plans respaced levels and their timesteps. */
  protected startSpaced({ timesteps, sigmas }: SigmaPlan): void {
    this.#start(timesteps, [...sigmas, this.finalSigma(sigmas.at(-1) ?? 0)]);
  }

  #start(timesteps: readonly number[], sigmas: readonly number[]): void {
    this.position.plan(timesteps);
    this.#sigmas = sigmas.map(f32);
    const parameterization = this.config.useFlowSigmas ? "flow" : "preserving";
    this.#levels = levelsOfSigmas(this.#sigmas, parameterization);
  }

  /** The level before the step at `index`, or after the one before. */
  protected level(index: number): LogNoiseLevel {
    const level = this.#levels[index];
    if (level === undefined)
      throw new InternalError(`Expected a step of the schedule but received ${index}`);
    return level;
  }

  /** The levels of an update at `index`: the target, the current one, and up to two before it. */
  protected levelsAt(index: number): DPMSolverLevels {
    const earlier = [index - 1, index - 2].filter((i) => i >= 0).map((i) => this.level(i));
    return [this.level(index + 1), this.level(index), ...earlier];
  }

  /** x0 from the model's output before the step at `index`, within its threshold. A new tensor. */
  protected predictOriginal(modelOutput: Tensor, sample: Tensor, index: number): Tensor {
    const output = this.#meanOf(modelOutput, sample);
    const { predictionType } = this.config;
    const original = predictOriginal(predictionType, output, sample, this.level(index));
    return restrictOriginal(original, this.config);
  }

  /** The noise from the model's output before the step at `index`, such that x0 is within its threshold. A new tensor. */
  protected predictNoise(modelOutput: Tensor, sample: Tensor, index: number): Tensor {
    const output = this.#meanOf(modelOutput, sample);
    const level = this.level(index);
    const noise = predictNoise(this.config.predictionType, output, sample, level);
    if (!this.config.thresholding) return noise;
    const original = restrictOriginal(this.originalOf(noise, sample, index), this.config);
    return sample.sub(original.mul(level.alpha)).div(level.spread);
  }

  /** x0 from a prediction of the noise before the step at `index`. */
  protected originalOf(noise: Tensor, sample: Tensor, index: number): Tensor {
    const { alpha, spread } = this.level(index);
    return sample.sub(noise.mul(spread)).div(alpha);
  }

  /** The model's output without its prediction of the variance. */
  #meanOf(modelOutput: Tensor, sample: Tensor): Tensor {
    return this.config.varianceType ? modelOutput.narrow(1, 0, sample.size(1)) : modelOutput;
  }

  /**
   * Adds `noise` to `original` at the schedule's levels; at other timesteps, or before there is a schedule, at the training's.
   */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    if (!timesteps.every((timestep) => this.timesteps.includes(timestep)))
      return super.addNoise(original, noise, timesteps);
    const levels = timesteps.map((timestep) => this.level(this.position.find(timestep)));
    return torch.tidy(() => {
      const column = (values: number[]): Tensor => columnOf(values, original);
      const signal = original.mul(column(levels.map(({ alpha }) => alpha)));
      return signal.add(noise.mul(column(levels.map(({ spread }) => spread))));
    });
  }

  protected override forget(): void {
    this.history.clear();
  }
}
