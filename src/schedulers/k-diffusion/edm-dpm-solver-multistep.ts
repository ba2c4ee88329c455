import { InternalError, InvalidValueError } from "../../errors/index.ts";
import { flag, oneOf } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import { TensorHistory } from "../base/tensor-history.ts";
import { type ThresholdingConfig, thresholdingFields } from "../config/common-fields.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32, float32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import { restrictOriginal } from "../noise/dynamic-threshold.ts";
import { levelsOfSigmas } from "../noise/noise-level.ts";
import {
  algorithmField,
  dpmSolverTypeField,
  multistepOrder,
} from "../solvers/dpm-solver-config.ts";
import { type DPMSolverLevels, dpmSolverUpdate } from "../solvers/dpm-solver-update.ts";
import { type EDMConfig, EDMScheduler, edmFields } from "./edm-scheduler.ts";

/** The fields of diffusers' `EDMDPMSolverMultistepScheduler`, in camelCase. */
export interface EDMDPMSolverMultistepConfig extends EDMConfig, ThresholdingConfig {
  readonly solverOrder: 1 | 2 | 3;
  readonly algorithmType: "dpmsolver++" | "sde-dpmsolver++";
  readonly solverType: "midpoint" | "heun";
  readonly lowerOrderFinal: boolean;
  readonly eulerAtFinal: boolean;
}

const fields: Fields<EDMDPMSolverMultistepConfig> = {
  ...edmFields,
  solverOrder: oneOf(2, 1, 3),
  ...thresholdingFields,
  algorithmType: algorithmField("sde-dpmsolver++"),
  solverType: dpmSolverTypeField,
  lowerOrderFinal: flag(true),
  eulerAtFinal: flag(false),
};

/**
 * DPM-Solver++ multistep for models trained as in Karras et al. 2022 (arXiv 2206.00364), with the configuration file of
 * diffusers' class.
 */
export class EDMDPMSolverMultistepScheduler extends EDMScheduler<EDMDPMSolverMultistepConfig> {
  static readonly className: string = "EDMDPMSolverMultistepScheduler";
  static readonly fields: Fields<EDMDPMSolverMultistepConfig> = fields;
  override readonly endsAtOriginal = false;
  readonly #history: TensorHistory;

  constructor(config: EDMDPMSolverMultistepConfig) {
    super(config);
    if (config.algorithmType === "sde-dpmsolver++" && config.solverOrder === 3) {
      throw new InvalidValueError(
        'Expected 1 or 2 for solver_order where algorithm_type is "sde-dpmsolver++" but received 3',
      );
    }
    this.#history = new TensorHistory(config.solverOrder - 1);
  }

  /** Unlike EDM's Euler, a single step ends at the lowest level too. */
  protected override lastSigma(): number {
    return f32(this.config.sigmaMin);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { algorithmType, solverType } = this.config;
    const [prevSample, predOriginalSample, latest] = torch.tidy(() => {
      const original = this.predictOriginal(modelOutput, sample, this.sigmaAt(index));
      const latest = restrictOriginal(original, this.config);
      const predictions = [latest, ...this.#history.tensors];
      const order = multistepOrder(index, this.timesteps.length, predictions.length, this.config);
      const noise = algorithmType === "sde-dpmsolver++" ? drawNoise(latest, generator) : undefined;
      const levels = this.#levelsAt(index);
      const step = { algorithmType, solverType, order, levels, arithmetic: float32 };
      const updated = dpmSolverUpdate(sample, predictions, step, noise);
      return [updated, latest.detach(), latest] as const;
    });
    this.#history.push(latest);
    if (index === this.timesteps.length - 1) this.#history.clear();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }

  #levelsAt(index: number): DPMSolverLevels {
    const sigmas = [index + 1, index, index - 1, index - 2].filter((i) => i >= 0);
    const levels = levelsOfSigmas(
      sigmas.map((i) => this.sigmaAt(i)),
      "exploding",
    );
    const [target, source, ...earlier] = levels;
    if (target === undefined || source === undefined)
      throw new InternalError(`Expected a step of the schedule but received ${index}`);
    return [target, source, ...earlier];
  }

  protected override forget(): void {
    this.#history.clear();
  }
}
