import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { float32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import type { Respacing } from "../noise/sigma-spacing.ts";
import { roundHalfToEven } from "../noise/timestep-spacing.ts";
import {
  type DPMSolverSinglestepConfig,
  dpmSolverForeign,
  dpmSolverSinglestepFields,
  requireSolvable,
} from "./dpm-solver-config.ts";
import { dpmSolverUpdate } from "./dpm-solver-update.ts";
import { SolverScheduler } from "./solver-scheduler.ts";

/**
 * DPM-Solver++ singlestep, the plain DPM-Solver and the stochastic form (Lu et al. 2022, arXiv 2206.00927 and 2211.01095): a step
 * of order k starts afresh after k timesteps. With the configuration file and the float32 arithmetic of diffusers' class.
 *
 * Numbers of steps that the order does not divide, and levels that end at 0, use lower orders at the end regardless of
 * `lower_order_final`, as in diffusers.
 */
export class DPMSolverSinglestepScheduler extends SolverScheduler<DPMSolverSinglestepConfig> {
  static readonly className: string = "DPMSolverSinglestepScheduler";
  static readonly fields: Fields<DPMSolverSinglestepConfig> = dpmSolverSinglestepFields;
  static readonly foreign: Partial<DPMSolverSinglestepConfig> = dpmSolverForeign;
  /** The sample at the start of the current higher-order step. */
  #start: Tensor | undefined;

  constructor(config: DPMSolverSinglestepConfig) {
    super(config, config.solverOrder - 1);
    requireSolvable(config);
  }

  protected override finalSigma(): number {
    return this.config.finalSigmasType === "zero" ? 0 : (this.trainSigmas[0] ?? 0);
  }

  protected override roundingOf(respacing: Respacing): (timestep: number) => number {
    return respacing === "karras" ? roundHalfToEven : Math.trunc;
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    this.planGiven(timesteps);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { algorithmType, solverType } = this.config;
    const wanted = this.#orderAt(index);
    const order = Math.min(wanted, this.history.length + 1);
    if (order === 1) this.#keepStart(sample);
    const [prevSample, predOriginalSample, latest] = torch.tidy(() => {
      const integratesNoise = algorithmType === "dpmsolver";
      const latest = integratesNoise
        ? this.predictNoise(modelOutput, sample, index)
        : this.predictOriginal(modelOutput, sample, index);
      const noise = algorithmType === "sde-dpmsolver++" ? drawNoise(latest, generator) : undefined;
      const predictions = [latest, ...this.history.tensors];
      const step = {
        algorithmType,
        solverType,
        form: "singlestep" as const,
        order,
        levels: this.levelsAt(index),
        arithmetic: float32,
      };
      const original = integratesNoise ? this.originalOf(latest, sample, index) : latest.detach();
      const updated = dpmSolverUpdate(this.#start ?? sample, predictions, step, noise);
      return [updated, original, latest] as const;
    });
    this.history.push(latest);
    if (index === this.timesteps.length - 1) this.forget();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }

  /** The order at a timestep: 1, 2, … up to the solver's, repeatedly, and lower if that ends the schedule better. */
  #orderAt(index: number): number {
    const { solverOrder, lowerOrderFinal, finalSigmasType } = this.config;
    const count = this.timesteps.length;
    const order = (index % solverOrder) + 1;
    if (index < count - 1) return order;
    if (finalSigmasType === "zero") return 1;
    return lowerOrderFinal && order === solverOrder ? 1 : order;
  }

  #keepStart(sample: Tensor): void {
    this.#start?.dispose();
    this.#start = torch.retain(sample);
  }

  protected override forget(): void {
    super.forget();
    this.#start?.dispose();
    this.#start = undefined;
  }
}
