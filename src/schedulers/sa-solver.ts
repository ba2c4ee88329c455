import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { exp32, f32, sqrt32 } from "./arithmetic.ts";
import { BaseScheduler } from "./base-scheduler.ts";
import {
  type PredictionType,
  predictionField,
  type RespacingConfig,
  respacingFields,
  type ScheduleConfig,
  type SpacingConfig,
  scheduleFields,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
} from "./common-fields.ts";
import {
  type Fields,
  flag,
  number,
  oneOf,
  readFields,
  type SchedulerJson,
} from "./config-fields.ts";
import { drawNoise } from "./draw-noise.ts";
import { type LogNoiseLevel, levelsOfSigmas, trainingSigmas } from "./noise-level.ts";
import { predictOriginal } from "./prediction.ts";
import { exponentialWeights, type SAKind, secondOrderShift } from "./sa-solver-coefficients.ts";
import type { SchedulerStep, SchedulerStepOptions } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import { planSigmas, type Respacing, respacingOf } from "./sigma-spacing.ts";
import { TensorHistory } from "./tensor-history.ts";
import { spaceTimesteps } from "./timestep-spacing.ts";

/** The fields of diffusers' `SASolverScheduler`, in camelCase. */
export interface SASolverConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig {
  readonly predictorOrder: 1 | 2 | 3;
  readonly correctorOrder: 1 | 2 | 3;
  readonly predictionType: PredictionType;
  readonly tauFunc: null;
  readonly algorithmType: "data_prediction";
  readonly lowerOrderFinal: boolean;
  readonly useFlowSigmas: false;
  readonly flowShift: number;
  readonly lambdaMinClipped: number;
  readonly varianceType: null;
}

const fields: Fields<SASolverConfig> = {
  ...scheduleFields,
  predictorOrder: oneOf(2, 1, 3),
  correctorOrder: oneOf(2, 1, 3),
  predictionType: predictionField,
  tauFunc: oneOf(null),
  ...thresholdingFields,
  algorithmType: oneOf("data_prediction"),
  lowerOrderFinal: flag(true),
  ...respacingFields,
  useFlowSigmas: oneOf(false),
  flowShift: number(1),
  lambdaMinClipped: number(Number.NEGATIVE_INFINITY),
  varianceType: oneOf(null),
  ...spacingFields,
};

const NAME = "SASolverScheduler";

/** τ of the paper: noise is added in the middle of the way. */
const tauAt = (timestep: number): number => (timestep >= 200 && timestep <= 800 ? 1 : 0);

/** The step before: where it began, its noise, the timestep that decided how much of it, and the order that corrects it. */
interface LastStep {
  readonly sample: Tensor;
  readonly noise: Tensor;
  readonly timestep: number;
  readonly correctorOrder: number;
}

/**
 * SA-Solver (Xue et al. 2023, arXiv 2309.05019), a stochastic predictor-corrector of Adams' kind on predictions of x0. With
 * the configuration file and the float32 arithmetic of diffusers' class; ends at the least training level, not at none.
 */
export class SASolverScheduler extends BaseScheduler<SASolverConfig> {
  override readonly className = NAME;
  readonly #trainSigmas: readonly number[];
  readonly #respacing: Respacing | undefined;
  #levels: readonly LogNoiseLevel[] = [];
  readonly #history: TensorHistory;
  #last: LastStep | undefined;

  constructor(config: SASolverConfig) {
    super(config);
    this.#respacing = respacingOf(config);
    this.#trainSigmas = trainingSigmas(this.schedule);
    this.#history = new TensorHistory(Math.max(config.predictorOrder, config.correctorOrder - 1));
  }

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: SchedulerJson = {}): SASolverScheduler {
    // DPM-Solver has other algorithm types.
    const foreign = { algorithmType: "data_prediction", varianceType: null } as const;
    return new SASolverScheduler(readFields<SASolverConfig>(json, NAME, fields, foreign));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<SASolverScheduler> {
    return readSchedulerFile(folder, options, SASolverScheduler.fromConfig);
  }

  override clone(): SASolverScheduler {
    return new SASolverScheduler(this.config);
  }

  protected override planCount(count: number): void {
    const train = this.#trainSigmas;
    const { lambdaMinClipped } = this.config;
    const clipped = levelsOfSigmas(train).filter((level) => level.lambda < lambdaMinClipped);
    const spaced = spaceTimesteps(count, train.length - clipped.length, this.config);
    const { timesteps, sigmas } = planSigmas(spaced, count, train, this.#respacing);
    this.position.plan(timesteps);
    this.#levels = levelsOfSigmas([...sigmas, train[0] ?? 0].map(f32));
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictionType, predictorOrder, correctorOrder, lowerOrderFinal } = this.config;
    const remaining = this.timesteps.length - index;
    const last = this.#last;
    const done = this.#history.length;
    const result = torch.tidy(() => {
      const latest = predictOriginal(predictionType, modelOutput, sample, this.#level(index));
      const predictions = [latest, ...this.#history.tensors];
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
      return { prevSample, latest, corrected, noise };
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
    this.#history.push(result.latest);
    if (remaining === 1) this.forget();
    this.position.advance(index);
    return { prevSample: result.prevSample };
  }

  protected override forget(): void {
    this.#history.clear();
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

  /** The step from the level at `source` to the next; `predictions` end, newest first, at the one or at the other. */
  #move(
    kind: SAKind,
    source: number,
    sample: Tensor,
    noise: Tensor,
    predictions: readonly Tensor[],
    tau: number,
  ): Tensor {
    const [from, to] = [this.#level(source), this.#level(source + 1)];
    const newest = kind === "predictor" ? source : source + 1;
    const points = predictions.map((_, i) => this.#level(newest - i).lambda);
    const c = 1 + tau ** 2;
    const h = f32(to.lambda - from.lambda);
    const weights = exponentialWeights(points, from.lambda, to.lambda, c);
    if (predictions.length === 2) {
      const shift = secondOrderShift(kind, from.lambda, to.lambda, points[1] ?? 0, c);
      weights[0] = f32((weights[0] ?? 0) + shift);
      weights[1] = f32((weights[1] ?? 0) - shift);
    }
    const scale = f32(f32(c * to.spread) * exp32(f32(-(tau ** 2) * to.lambda)));
    const [first, ...others] = predictions.map((prediction, i) =>
      prediction.mul(f32(scale * (weights[i] ?? 0))),
    );
    if (first === undefined) throw new Error("Expected a prediction but found none");
    const gradient = others.reduce((sum, term) => sum.add(term), first);
    const kept = f32(exp32(f32(-(tau ** 2) * h)) * f32(to.spread / from.spread));
    const share = sqrt32(f32(1 - exp32(f32(-2 * tau ** 2 * h))));
    return sample
      .mul(kept)
      .add(gradient)
      .add(noise.mul(f32(to.spread * share)));
  }

  #level(index: number): LogNoiseLevel {
    const level = this.#levels[index];
    if (level === undefined)
      throw new Error(`Expected a step of the schedule but received ${index}`);
    return level;
  }
}
