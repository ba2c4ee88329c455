import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import { TensorHistory } from "../base/tensor-history.ts";
import {
  predictionField,
  type RespacingConfig,
  respacingFields,
  scheduleFields,
  spacingFields,
} from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { predictOriginalFromSigma } from "../noise/prediction.ts";
import { type Respacing, respacingOf, type SigmaPlan } from "../noise/sigma-spacing.ts";
import { type SigmaConfig, SigmaScheduler } from "./sigma-scheduler.ts";

/** The fields of diffusers' `LMSDiscreteScheduler`, in camelCase. */
export interface LMSDiscreteConfig extends SigmaConfig, RespacingConfig {}

const fields: Fields<LMSDiscreteConfig> = {
  ...scheduleFields,
  ...respacingFields,
  predictionType: predictionField,
  ...spacingFields,
};

const ORDER = 4;
/** Points and weights of Gauss' quadrature on [-1, 1], exact for the cubic polynomials here. */
const GAUSS = [
  [-Math.sqrt(0.6), 5 / 9],
  [0, 8 / 9],
  [Math.sqrt(0.6), 5 / 9],
] as const;

/** A linear multistep method of fourth order on the noise level, with the configuration file of diffusers' class. */
export class LMSDiscreteScheduler extends SigmaScheduler<LMSDiscreteConfig> {
  static readonly className: string = "LMSDiscreteScheduler";
  static readonly fields: Fields<LMSDiscreteConfig> = fields;
  protected override readonly respacing: Respacing | undefined = respacingOf(this.config);
  readonly #derivatives = new TensorHistory(ORDER);

  protected override planTimesteps(timesteps: readonly number[]): void {
    this.refuseTimesteps(timesteps);
  }

  protected override start({ timesteps, sigmas }: SigmaPlan): void {
    this.setPlan(timesteps, [...sigmas, 0]);
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const sigma = this.sigmaAt(index);
    const { predictionType } = this.config;
    const weights = this.#weightsAt(index);
    const [derivative, result] = torch.tidy(() => {
      const predOriginalSample = predictOriginalFromSigma(
        predictionType,
        modelOutput,
        sample,
        sigma,
      );
      const derivative = sample.sub(predOriginalSample).div(sigma);
      const sum = [derivative, ...this.#derivatives.tensors]
        .slice(0, weights.length)
        .map((term, i) => term.mul(weights[i] ?? 0))
        .reduce((total, term) => total.add(term));
      return [derivative, { prevSample: sample.add(sum), predOriginalSample }] as const;
    });
    this.#derivatives.push(derivative);
    if (index === this.timesteps.length - 1) this.#derivatives.clear();
    this.position.advance(index);
    return result;
  }

  /**
   * Weights of the derivatives, newest first: integrals from this level to the next of the Lagrange polynomials at the last
   * levels. A run that starts in the middle has weights for derivatives that it lacks, as in diffusers.
   */
  #weightsAt(index: number): number[] {
    const points = Array.from({ length: Math.min(index + 1, ORDER) }, (_, i) =>
      this.sigmaAt(index - i),
    );
    const [from, to] = [this.sigmaAt(index), this.sigmaAt(index + 1)];
    const [middle, half] = [(to + from) / 2, (to - from) / 2];
    return points.map((point, i) => {
      const lagrange = (x: number): number =>
        points.reduce((product, other, k) => {
          return k === i ? product : (product * (x - other)) / (point - other);
        }, 1);
      return GAUSS.reduce(
        (sum, [at, weight]) => sum + half * weight * lagrange(middle + half * at),
        0,
      );
    });
  }

  protected override forget(): void {
    this.#derivatives.clear();
  }
}
