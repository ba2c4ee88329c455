import { InternalError } from "../../errors/index.ts";
import { flag, oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import {
  type FlowConfig,
  flowFields,
  type RespacingConfig,
  respacingFields,
  type ScheduleConfig,
  type ShiftingConfig,
  type SolverPredictionType,
  type SpacingConfig,
  scheduleFields,
  shiftingFields,
  solverPredictionField,
  spacingFields,
  type ThresholdingConfig,
  thresholdingFields,
} from "../config/common-fields.ts";
import { type Fields, orMeaning } from "../config/config-fields.ts";
import { exp32, f32 } from "../noise/arithmetic.ts";
import { deisWeights } from "./deis-weights.ts";
import { SolverScheduler } from "./solver-scheduler.ts";

/** The fields of diffusers' `DEISMultistepScheduler`, in camelCase. */
export interface DEISMultistepConfig
  extends ScheduleConfig,
    SpacingConfig,
    ThresholdingConfig,
    RespacingConfig,
    FlowConfig,
    ShiftingConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: SolverPredictionType;
  readonly algorithmType: "deis";
  readonly solverType: "logrho";
  readonly lowerOrderFinal: boolean;
}

const fields: Fields<DEISMultistepConfig> = {
  ...scheduleFields,
  solverOrder: oneOf(2, 1, 3),
  predictionType: solverPredictionField,
  ...thresholdingFields,
  algorithmType: orMeaning(oneOf("deis"), "deis", "dpmsolver", "dpmsolver++"),
  solverType: orMeaning(oneOf("logrho"), "logrho", "midpoint", "heun", "bh1", "bh2"),
  lowerOrderFinal: flag(true),
  ...respacingFields,
  ...flowFields,
  ...spacingFields,
  ...shiftingFields,
};

/**
 * DEIS with polynomials in ln ρ (Zhang and Chen 2022, arXiv 2204.13902), first to third order on predictions of the noise. With
 * the configuration file and the float32 arithmetic of diffusers' class; ends at the lowest training level, not at zero noise.
 */
export class DEISMultistepScheduler extends SolverScheduler<DEISMultistepConfig> {
  static readonly className: string = "DEISMultistepScheduler";
  static readonly fields: Fields<DEISMultistepConfig> = fields;
  /** Other samplers use other algorithm and solver types. */
  static readonly foreign: Partial<DEISMultistepConfig> = {
    algorithmType: "deis",
    solverType: "logrho",
  };

  constructor(config: DEISMultistepConfig) {
    super(config, config.solverOrder - 1);
  }

  /** If levels are respaced, the last two are equal: the last step does not change the sample, as in diffusers. */
  protected override finalSigma(least: number): number {
    return least;
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const [prevSample, predOriginalSample, latest] = torch.tidy(() => {
      const { alpha, spread } = this.level(index);
      const original = this.predictOriginal(modelOutput, sample, index);
      const latest = sample.sub(original.mul(alpha)).div(spread);
      const predictions = [latest, ...this.history.tensors];
      const order = this.#orderAt(index, predictions.length);
      return [this.#move(index, sample, predictions.slice(0, order)), original, latest] as const;
    });
    this.history.push(latest);
    if (index === this.timesteps.length - 1) this.history.clear();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }

  #orderAt(index: number, predictions: number): number {
    const { solverOrder, lowerOrderFinal } = this.config;
    const { length } = this.timesteps;
    const known = Math.min(solverOrder, predictions);
    return lowerOrderFinal && length < 15 ? Math.min(known, length - index) : known;
  }

  #move(index: number, sample: Tensor, predictions: readonly Tensor[]): Tensor {
    const [target, source, ...earlier] = this.levelsAt(index);
    const [newest] = predictions;
    if (newest === undefined) throw new InternalError("Expected a prediction but found none");
    if (predictions.length === 1) {
      const growth = f32(exp32(f32(target.lambda - source.lambda)) - 1);
      const kept = sample.mul(f32(target.alpha / source.alpha));
      return kept.sub(newest.mul(f32(target.spread * growth)));
    }
    const [end, ...points] = [target, source, ...earlier.slice(0, predictions.length - 1)].map(
      ({ alpha, spread }) => f32(spread / alpha),
    );
    const weights = deisWeights(end ?? Number.NaN, points);
    return predictions
      .reduce(
        (sum, prediction, i) => sum.add(prediction.mul(weights[i] ?? Number.NaN)),
        sample.div(source.alpha),
      )
      .mul(target.alpha);
  }
}
