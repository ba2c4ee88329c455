import { expected, InternalError } from "../../errors/index.ts";
import { oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import { TrainedScheduler } from "../base/trained-scheduler.ts";
import {
  type PredictionType,
  predictionField,
  type ScheduleConfig,
  scheduleFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { deviationBetween, learnedParts, requireChannels } from "../noise/learned-variance.ts";
import { NoiseSchedule } from "../noise/noise-schedule.ts";
import { predictOriginal } from "../noise/prediction.ts";
import { roundHalfToEven } from "../noise/timestep-spacing.ts";

/** The settings of the paper's IDDPM sampler. */
export interface IDDPMConfig extends ScheduleConfig {
  readonly betaSchedule: "linear";
  readonly trainedBetas: null;
  readonly predictionType: PredictionType;
  /** "learned_range" for models that predict the variance, otherwise its upper or lower bound. */
  readonly varianceType: "learned_range" | "fixed_large" | "fixed_small";
}

const fields: Fields<IDDPMConfig> = {
  ...scheduleFields,
  betaSchedule: oneOf("linear"),
  trainedBetas: oneOf(null),
  predictionType: predictionField,
  varianceType: oneOf("learned_range", "fixed_large", "fixed_small"),
};

/** One step of the respaced chain. */
interface ChainStep {
  /** acp at its timestep. */
  readonly acp: number;
  /** Weights of x0 and of the sample in the mean. */
  readonly original: number;
  readonly sample: number;
  /** Logarithms of the bounds between which the variance lies. */
  readonly smallest: number;
  readonly largest: number;
}

/**
 * Ancestral sampling as in the paper's code (Nichol and Dhariwal 2021, arXiv 2102.09672; PixArt-alpha, diffusion/iddpm.py): the
 * chain is respaced to the steps taken, and the model predicts where the variance lies between its bounds. Tables are float64.
 * diffusers has no class of this name; 100 steps are the paper's.
 */
export class IDDPMScheduler extends TrainedScheduler<IDDPMConfig> {
  static readonly className: string = "IDDPMScheduler";
  static readonly fields: Fields<IDDPMConfig> = fields;
  /** Files of other samplers have null, or which bound to use if the variance is not predicted. */
  static readonly foreign: Partial<IDDPMConfig> = { varianceType: "learned_range" };
  override readonly usesLearnedVariance: boolean = this.config.varianceType === "learned_range";
  #chain: readonly ChainStep[] = [];

  protected override planCount(count: number): void {
    const { numTrainTimesteps: total } = this.config;
    if (count < 2 || count > total) {
      throw expected(`2 to ${total} (the training timesteps)`, "numInferenceSteps", count);
    }
    const stride = (total - 1) / (count - 1);
    const timesteps: number[] = [];
    // Added up instead of multiplied, which affects some of the roundings.
    for (let at = 0; timesteps.length < count; at += stride) timesteps.push(roundHalfToEven(at));
    const schedule = NoiseSchedule.linear(this.config);
    this.#chain = respacedChain(timesteps.map((t) => schedule.at(t).acp)).reverse();
    this.position.plan(timesteps.reverse());
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const step = this.#chain[index];
    if (step === undefined)
      throw new InternalError(`Expected a step of the schedule but received ${index}`);
    const channels = sample.size(1);
    if (!this.usesLearnedVariance) requireChannels(modelOutput, channels, "without");
    const result = torch.tidy(() => {
      const level = { alpha: Math.sqrt(step.acp), spread: Math.sqrt(1 - step.acp) };
      const [prediction, variance] = this.usesLearnedVariance
        ? learnedParts(modelOutput, channels)
        : [modelOutput, modelOutput];
      const { predictionType } = this.config;
      const predOriginalSample = predictOriginal(predictionType, prediction, sample, level);
      const mean = predOriginalSample.mul(step.original).add(sample.mul(step.sample));
      // The last step adds none, but draws noise as the paper's code does.
      const noise = drawNoise(sample, generator);
      if (index === this.timesteps.length - 1) return { prevSample: mean, predOriginalSample };
      const prevSample = mean.add(this.#scaled(noise, variance, step));
      return { prevSample, predOriginalSample };
    });
    this.position.advance(index);
    return result;
  }

  /** `noise` with the variance of the step. */
  #scaled(noise: Tensor, variance: Tensor, { smallest, largest }: ChainStep): Tensor {
    switch (this.config.varianceType) {
      case "fixed_large":
        return noise.mul(Math.exp(0.5 * largest));
      case "fixed_small":
        return noise.mul(Math.exp(0.5 * smallest));
      case "learned_range":
        return noise.mul(deviationBetween(variance, smallest, largest));
    }
  }
}

/** The steps of a chain with these acp, least noisy first. */
function respacedChain(acps: readonly number[]): ChainStep[] {
  const betas = acps.map((acp, i) => 1 - acp / (acps[i - 1] ?? 1));
  const variances = acps.map((acp, i) => {
    return ((betas[i] ?? 0) * (1 - (acps[i - 1] ?? 1))) / (1 - acp);
  });
  return acps.map((acp, i) => {
    const [before, beta] = [acps[i - 1] ?? 1, betas[i] ?? 0];
    return {
      acp,
      original: (beta * Math.sqrt(before)) / (1 - acp),
      sample: ((1 - before) * Math.sqrt(1 - beta)) / (1 - acp),
      // The first variance is 0; its logarithm is not used but must be finite.
      smallest: Math.log(variances[Math.max(i, 1)] ?? 0),
      largest: Math.log(beta),
    };
  });
}
