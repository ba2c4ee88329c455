import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { f32 } from "./arithmetic.ts";
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
  type Field,
  type Fields,
  flag,
  number,
  oneOf,
  readFields,
  type SchedulerJson,
} from "./config-fields.ts";
import { type LogNoiseLevel, levelsOfSigmas, trainingSigmas } from "./noise-level.ts";
import { predictNoise, predictOriginal } from "./prediction.ts";
import type { SchedulerStep } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import { planSigmas, type Respacing, respacingOf } from "./sigma-spacing.ts";
import { TensorHistory } from "./tensor-history.ts";
import { spaceTimesteps } from "./timestep-spacing.ts";
import { uniPCCoefficients } from "./uni-pc-coefficients.ts";

/** The fields of diffusers' `UniPCMultistepScheduler`, in camelCase. */
export interface UniPCMultistepConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: PredictionType;
  readonly predictX0: boolean;
  readonly solverType: "bh1" | "bh2";
  readonly lowerOrderFinal: boolean;
  /** Steps, counted from 0, after which the sample is not corrected. */
  readonly disableCorrector: readonly number[];
  readonly solverP: null;
  readonly useFlowSigmas: false;
  readonly flowShift: number;
  readonly finalSigmasType: "zero" | "sigma_min";
  readonly rescaleBetasZeroSnr: false;
  readonly useDynamicShifting: false;
  readonly timeShiftType: "exponential";
  readonly sigmaMin: null;
  readonly sigmaMax: null;
  readonly shiftTerminal: null;
}

const stepNumbers: Field = {
  initial: [],
  expected: "a list of integers",
  accepts: (value) => Array.isArray(value) && value.every(Number.isInteger),
};

const fields: Fields<UniPCMultistepConfig> = {
  ...scheduleFields,
  solverOrder: oneOf(2, 1, 3),
  predictionType: predictionField,
  ...thresholdingFields,
  predictX0: flag(true),
  solverType: oneOf("bh2", "bh1"),
  lowerOrderFinal: flag(true),
  disableCorrector: stepNumbers,
  solverP: oneOf(null),
  ...respacingFields,
  useFlowSigmas: oneOf(false),
  flowShift: number(1),
  ...spacingFields,
  finalSigmasType: oneOf("zero", "sigma_min"),
  rescaleBetasZeroSnr: oneOf(false),
  useDynamicShifting: oneOf(false),
  timeShiftType: oneOf("exponential"),
  sigmaMin: oneOf(null),
  sigmaMax: oneOf(null),
  shiftTerminal: oneOf(null),
};

const NAME = "UniPCMultistepScheduler";

/** The step before: where it began, and the order that corrects it. */
interface LastStep {
  readonly sample: Tensor;
  readonly order: number;
}

/**
 * UniPC (Zhao et al. 2023, arXiv 2302.04867): each prediction first corrects the step before it and then makes the next one.
 * With the configuration file and the float32 arithmetic of diffusers' class.
 */
export class UniPCMultistepScheduler extends BaseScheduler<UniPCMultistepConfig> {
  override readonly className = NAME;
  readonly #trainSigmas: readonly number[];
  readonly #respacing: Respacing | undefined;
  #levels: readonly LogNoiseLevel[] = [];
  readonly #history: TensorHistory;
  #last: LastStep | undefined;

  constructor(config: UniPCMultistepConfig) {
    super(config);
    if (config.finalSigmasType === "zero" && !(config.predictX0 && config.lowerOrderFinal)) {
      throw new Error(
        'Expected "sigma_min" for final_sigmas_type where predict_x0 or lower_order_final is false but received "zero"',
      );
    }
    this.#respacing = respacingOf(config);
    this.#trainSigmas = trainingSigmas(this.schedule);
    this.#history = new TensorHistory(config.solverOrder);
  }

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: SchedulerJson = {}): UniPCMultistepScheduler {
    // DPM-Solver has other solver types.
    const foreign = { solverType: "bh2" } as const;
    const config = readFields<UniPCMultistepConfig>(json, NAME, fields, foreign);
    return new UniPCMultistepScheduler(config);
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<UniPCMultistepScheduler> {
    return readSchedulerFile(folder, options, UniPCMultistepScheduler.fromConfig);
  }

  override clone(): UniPCMultistepScheduler {
    return new UniPCMultistepScheduler(this.config);
  }

  protected override planCount(count: number): void {
    const train = this.#trainSigmas;
    const spaced = spaceTimesteps(count, train.length, this.config);
    const { timesteps, sigmas } = planSigmas(spaced, count, train, this.#respacing);
    const final = this.config.finalSigmasType === "zero" ? 0 : (train[0] ?? 0);
    this.position.plan(timesteps);
    this.#levels = levelsOfSigmas([...sigmas, final].map(f32));
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { predictX0, predictionType, solverOrder, lowerOrderFinal } = this.config;
    const remaining = this.timesteps.length - index;
    const last = this.config.disableCorrector.includes(index - 1) ? undefined : this.#last;
    const order = Math.min(
      lowerOrderFinal ? Math.min(solverOrder, remaining) : solverOrder,
      this.#history.length + 1,
    );
    const [prevSample, latest, corrected] = torch.tidy(() => {
      const predict = predictX0 ? predictOriginal : predictNoise;
      const latest = predict(predictionType, modelOutput, sample, this.#level(index));
      const corrected = last === undefined ? sample : this.#correct(index, last, latest);
      const predictions = [latest, ...this.#history.tensors].slice(0, order);
      return [this.#predict(index, corrected, predictions), latest, corrected] as const;
    });
    this.#last?.sample.dispose();
    this.#last = { sample: torch.retain(corrected), order };
    if (corrected !== sample) corrected.dispose();
    this.#history.push(latest);
    if (remaining === 1) this.forget();
    this.position.advance(index);
    return { prevSample };
  }

  protected override forget(): void {
    this.#history.clear();
    this.#last?.sample.dispose();
    this.#last = undefined;
  }

  /** UniP: from the level at `index` to the next, with `predictions` newest first. */
  #predict(index: number, sample: Tensor, predictions: readonly Tensor[]): Tensor {
    const ratios = this.#ratios(index, index + 1, predictions.length - 1);
    return this.#move(index, index + 1, sample, predictions, ratios);
  }

  /** UniC: the step to the level at `index` again, now that the prediction there is known. */
  #correct(index: number, { sample, order }: LastStep, latest: Tensor): Tensor {
    const predictions = this.#history.tensors.slice(0, order);
    const ratios = this.#ratios(index - 1, index, predictions.length - 1);
    return this.#move(index - 1, index, sample, predictions, ratios, latest);
  }

  /** Where the predictions before that at `source` lie, as parts of the step from there to `target`. */
  #ratios(source: number, target: number, count: number): number[] {
    const start = this.#level(source).lambda;
    const h = f32(this.#level(target).lambda - start);
    return Array.from({ length: count }, (_, i) =>
      f32(f32(this.#level(source - 1 - i).lambda - start) / h),
    );
  }

  #move(
    source: number,
    target: number,
    sample: Tensor,
    [newest, ...earlier]: readonly Tensor[],
    ratios: readonly number[],
    atTarget?: Tensor,
  ): Tensor {
    if (newest === undefined) throw new Error("Expected a prediction but found none");
    const [from, to] = [this.#level(source), this.#level(target)];
    const { predictX0, solverType } = this.config;
    const h = f32(to.lambda - from.lambda);
    const kind = atTarget === undefined ? "predictor" : "corrector";
    const weights = uniPCCoefficients(predictX0 ? -h : h, ratios, solverType, kind);
    const kept = f32(predictX0 ? to.spread / from.spread : to.alpha / from.alpha);
    const added = predictX0 ? to.alpha : to.spread;
    const firstOrder = sample.mul(kept).sub(newest.mul(f32(added * weights.firstOrder)));
    const slopes = earlier.map((prediction, i) =>
      prediction.sub(newest).div(ratios[i] ?? Number.NaN),
    );
    if (atTarget !== undefined) slopes.push(atTarget.sub(newest));
    const [sum, ...more] = slopes.map((slope, i) => slope.mul(weights.slopes[i] ?? Number.NaN));
    if (sum === undefined) return firstOrder;
    const total = more.reduce((a, b) => a.add(b), sum);
    return firstOrder.sub(total.mul(f32(added * weights.scale)));
  }

  #level(index: number): LogNoiseLevel {
    const level = this.#levels[index];
    if (level === undefined)
      throw new Error(`Expected a step of the schedule but received ${index}`);
    return level;
  }
}
