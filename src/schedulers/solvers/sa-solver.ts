import { InvalidValueError } from "../../errors/index.ts";
import { flag, number, oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import {
  type FlowConfig,
  flowFields,
  learnedVarianceField,
  type RespacingConfig,
  respacingFields,
  type ScheduleConfig,
  type SolverPredictionType,
  type SpacingConfig,
  scheduleFields,
  solverPredictionField,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { exp32, f32, sqrt32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { exponentialWeights, type SAKind, secondOrderShift } from "./sa-solver-coefficients.ts";
import { SolverScheduler } from "./solver-scheduler.ts";

/** The fields of diffusers' `SASolverScheduler`, in camelCase. */
export interface SASolverConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig,
    FlowConfig {
  readonly predictorOrder: 1 | 2 | 3;
  readonly correctorOrder: 1 | 2 | 3;
  readonly predictionType: SolverPredictionType;
  readonly tauFunc: null;
  /** The model's prediction that is integrated: x0 or the noise. */
  readonly algorithmType: "data_prediction" | "noise_prediction";
  readonly lowerOrderFinal: boolean;
  readonly lambdaMinClipped: number;
  readonly varianceType: "learned" | "learned_range" | null;
}

const fields: Fields<SASolverConfig> = {
  ...scheduleFields,
  predictorOrder: oneOf(2, 1, 3),
  correctorOrder: oneOf(2, 1, 3),
  predictionType: solverPredictionField,
  tauFunc: oneOf(null),
  ...thresholdingFields,
  algorithmType: oneOf("data_prediction", "noise_prediction"),
  lowerOrderFinal: flag(true),
  ...respacingFields,
  ...flowFields,
  lambdaMinClipped: number(Number.NEGATIVE_INFINITY),
  varianceType: learnedVarianceField,
  ...spacingFields,
};

/** τ of the paper: noise is added in the middle of the schedule. */
const tauAt = (timestep: number): number => (timestep >= 200 && timestep <= 800 ? 1 : 0);

/** The previous step: its start, its noise, the timestep that determined how much of it, and the order that corrects it. */
interface LastStep {
  readonly sample: Tensor;
  readonly noise: Tensor;
  readonly timestep: number;
  readonly correctorOrder: number;
}

/**
 * SA-Solver (Xue et al. 2023, arXiv 2309.05019), a stochastic predictor-corrector of the Adams type. With the configuration file
 * and the float32 arithmetic of diffusers' class; ends at the lowest training level, not at zero noise.
 */
export class SASolverScheduler extends SolverScheduler<SASolverConfig> {
  static readonly className: string = "SASolverScheduler";
  static readonly fields: Fields<SASolverConfig> = fields;
  /** DPM-Solver uses other algorithm types. */
  static readonly foreign: Partial<SASolverConfig> = {
    algorithmType: "data_prediction",
    varianceType: null,
  };
  #last: LastStep | undefined;

  constructor(config: SASolverConfig) {
    super(config, Math.max(config.predictorOrder, config.correctorOrder - 1));
    if (config.predictionType === "flow_prediction" && config.algorithmType !== "data_prediction") {
      throw new InvalidValueError(
        'Expected "data_prediction" for algorithm_type where prediction_type is "flow_prediction" but received "noise_prediction"',
      );
    }
  }

  /** If levels are respaced, the last two are equal: the last step does not change the sample, as in diffusers. */
  protected override finalSigma(least: number): number {
    return least;
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictorOrder, correctorOrder, lowerOrderFinal } = this.config;
    const remaining = this.timesteps.length - index;
    const last = this.#last;
    const done = this.history.length;
    const result = torch.tidy(() => {
      const latest = this.#predictsOriginal
        ? this.predictOriginal(modelOutput, sample, index)
        : this.predictNoise(modelOutput, sample, index);
      const predictions = [latest, ...this.history.tensors];
      const corrected = last === undefined ? sample : this.#correct(index, last, predictions);
      const noise = drawNoise(modelOutput, generator);
      const most = lowerOrderFinal ? Math.min(predictorOrder, remaining) : predictorOrder;
      const order = Math.min(most, done + 1);
      const tau = tauAt(timestep);
      const prevSample = this.#move(
        "predictor",
        index,
        corrected,
        noise,
        predictions.slice(0, order),
        tau,
      );
      const original = this.#predictsOriginal
        ? latest.detach()
        : this.originalOf(latest, sample, index);
      return { prevSample, original, latest, corrected, noise };
    });
    const most = lowerOrderFinal ? Math.min(correctorOrder, remaining + 1) : correctorOrder;
    this.#forgetLast();
    this.#last = {
      sample: torch.retain(result.corrected),
      noise: torch.keep(result.noise),
      timestep,
      correctorOrder: Math.min(most, done + 2),
    };
    if (result.corrected !== sample) result.corrected.dispose();
    this.history.push(result.latest);
    if (remaining === 1) this.forget();
    this.position.advance(index);
    return { prevSample: result.prevSample, predOriginalSample: result.original };
  }

  /** Adds `noise` to `original` at one training timestep per row, as in diffusers' class. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return this.schedule.addNoise(original, noise, timesteps);
  }

  get #predictsOriginal(): boolean {
    return this.config.algorithmType === "data_prediction";
  }

  protected override forget(): void {
    super.forget();
    this.#forgetLast();
  }

  #forgetLast(): void {
    this.#last?.sample.dispose();
    this.#last?.noise.dispose();
    this.#last = undefined;
  }

  #correct(
    index: number,
    { sample, noise, timestep, correctorOrder }: LastStep,
    predictions: readonly Tensor[],
  ): Tensor {
    const used = predictions.slice(0, correctorOrder);
    return this.#move("corrector", index - 1, sample, noise, used, tauAt(timestep));
  }

  /** The step from the level at `source` to the next; the newest of `predictions` was made at one or the other. */
  #move(
    kind: SAKind,
    source: number,
    sample: Tensor,
    noise: Tensor,
    predictions: readonly Tensor[],
    tau: number,
  ): Tensor {
    const [from, to] = [this.level(source), this.level(source + 1)];
    const newest = kind === "predictor" ? source : source + 1;
    const points = predictions.map((_, i) => this.level(newest - i).lambda);
    const c = 1 + tau ** 2;
    const h = f32(to.lambda - from.lambda);
    const sum = (scale: number, weights: readonly number[]): Tensor =>
      predictions
        .map((prediction, i) => prediction.mul(f32(scale * (weights[i] ?? 0))))
        .reduce((total, term) => total.add(term));
    if (!this.#predictsOriginal) {
      const weights = exponentialWeights(points, from.lambda, to.lambda, undefined);
      const share = sqrt32(f32(exp32(f32(2 * h)) - 1));
      return sample
        .mul(f32(to.alpha / from.alpha))
        .add(sum(f32(-c * to.alpha), weights))
        .add(noise.mul(f32(f32(tau * to.spread) * share)));
    }
    const weights = exponentialWeights(points, from.lambda, to.lambda, c);
    if (predictions.length === 2) {
      const shift = secondOrderShift(kind, from.lambda, to.lambda, points[1] ?? 0, c);
      weights[0] = f32((weights[0] ?? 0) + shift);
      weights[1] = f32((weights[1] ?? 0) - shift);
    }
    const scale = f32(f32(c * to.spread) * exp32(f32(-(tau ** 2) * to.lambda)));
    const kept = f32(exp32(f32(-(tau ** 2) * h)) * f32(to.spread / from.spread));
    const share = sqrt32(f32(1 - exp32(f32(-2 * tau ** 2 * h))));
    return sample
      .mul(kept)
      .add(sum(scale, weights))
      .add(noise.mul(f32(to.spread * share)));
  }
}
