import { expected, InternalError } from "../../errors/index.ts";
import { flag, oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import { TensorHistory } from "../base/tensor-history.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import {
  type PredictionType,
  predictionField,
  type ScheduleConfig,
  scheduleFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { float64 } from "../noise/arithmetic.ts";
import { columnOf } from "../noise/column.ts";
import type { LogNoiseLevel } from "../noise/noise-level.ts";
import { NoiseSchedule } from "../noise/noise-schedule.ts";
import { predictOriginal } from "../noise/prediction.ts";
import { type DPMSolverLevels, dpmSolverUpdate } from "./dpm-solver-update.ts";

/** The settings of the paper's DPM-Solver++. */
export interface ContinuousDPMSolverConfig extends ScheduleConfig {
  readonly betaSchedule: "linear";
  readonly trainedBetas: null;
  readonly solverOrder: 1 | 2 | 3;
  readonly predictionType: PredictionType;
  readonly lowerOrderFinal: boolean;
}

const fields: Fields<ContinuousDPMSolverConfig> = {
  ...scheduleFields,
  betaSchedule: oneOf("linear"),
  trainedBetas: oneOf(null),
  solverOrder: oneOf(2, 1, 3),
  predictionType: predictionField,
  lowerOrderFinal: flag(true),
};

/** λ below which the schedule is cut off because it is unstable. */
const LEAST_LAMBDA = -5.1;

/**
 * DPM-Solver++ as the paper's code runs it (PixArt-alpha, diffusion/model/dpm_solver.py): times are continuous and evenly spaced,
 * so timesteps are fractional, and it ends at the least noisy timestep instead of at zero noise. Scalars are float64. diffusers
 * has no class of this name; 20 steps are the paper's.
 */
export class ContinuousDPMSolverScheduler extends TrainedScheduler<ContinuousDPMSolverConfig> {
  static readonly className: string = "ContinuousDPMSolverScheduler";
  static readonly fields: Fields<ContinuousDPMSolverConfig> = fields;
  override readonly endsAtOriginal = false;
  /** ln α at the timesteps in use. */
  readonly #logAlphas: readonly number[];
  #levels: readonly LogNoiseLevel[] = [];
  readonly #history: TensorHistory;

  constructor(config: ContinuousDPMSolverConfig) {
    super(config);
    const { alphasCumprod } = NoiseSchedule.linear(config);
    this.#logAlphas = Array.from(alphasCumprod, (acp) => 0.5 * Math.log(acp)).filter(
      (logAlpha) => levelOf(logAlpha).lambda >= LEAST_LAMBDA,
    );
    this.#history = new TensorHistory(config.solverOrder - 1);
  }

  protected override planCount(count: number): void {
    const { solverOrder, numTrainTimesteps } = this.config;
    if (count < solverOrder) {
      throw expected(`at least ${solverOrder} (the solver's order)`, "numInferenceSteps", count);
    }
    // Time t from 1 down to 1/N is at position t·N − 1 among the N knots.
    const knots = this.#logAlphas.length;
    const places = Array.from({ length: count + 1 }, (_, i) => ((knots - 1) * (count - i)) / count);
    this.#levels = places.map((place) => levelOf(this.#logAlphaAt(place)));
    this.position.plan(places.slice(0, -1).map((place) => (place / knots) * numTrainTimesteps));
  }

  /** A timestep's position among the knots. */
  #placeOf(timestep: number): number {
    return (timestep / this.config.numTrainTimesteps) * this.#logAlphas.length;
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const levels = this.#levelsAt(index);
    const remaining = this.timesteps.length - index;
    const { predictionType, solverOrder, lowerOrderFinal } = this.config;
    const isShort = lowerOrderFinal && this.timesteps.length < 10;
    const [prevSample, predOriginalSample, latest] = torch.tidy(() => {
      const latest = predictOriginal(predictionType, modelOutput, sample, levels[1]);
      const predictions = [latest, ...this.#history.tensors];
      const known = Math.min(solverOrder, predictions.length);
      const updated = dpmSolverUpdate(sample, predictions, {
        algorithmType: "dpmsolver++",
        solverType: "midpoint",
        order: isShort ? Math.min(known, remaining) : known,
        levels,
        arithmetic: float64,
      });
      return [updated, latest.detach(), latest] as const;
    });
    this.#history.push(latest);
    if (remaining === 1) this.#history.clear();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }

  /** Adds `noise` to `original` at one timestep per row, which may be fractional. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    const levels = timesteps.map((timestep) => levelOf(this.#logAlphaAt(this.#placeOf(timestep))));
    return torch.tidy(() => {
      const column = (values: number[]): Tensor => columnOf(values, original);
      const signal = original.mul(column(levels.map(({ alpha }) => alpha)));
      return signal.add(noise.mul(column(levels.map(({ spread }) => spread))));
    });
  }

  protected override forget(): void {
    this.#history.clear();
  }

  #logAlphaAt(place: number): number {
    const low = Math.min(Math.floor(place), this.#logAlphas.length - 2);
    const [a, b] = [this.#logAlphas[low] ?? 0, this.#logAlphas[low + 1] ?? 0];
    return a + (place - low) * (b - a);
  }

  #levelsAt(index: number): DPMSolverLevels {
    const [target, source, ...earlier] = this.#levels
      .slice(Math.max(index - 2, 0), index + 2)
      .reverse();
    if (target === undefined || source === undefined) {
      throw new InternalError(`Expected a step of the schedule but received ${index}`);
    }
    return [target, source, ...earlier];
  }
}

function levelOf(logAlpha: number): LogNoiseLevel {
  const spread = Math.sqrt(-Math.expm1(2 * logAlpha));
  return { alpha: Math.exp(logAlpha), spread, lambda: logAlpha - Math.log(spread) };
}
