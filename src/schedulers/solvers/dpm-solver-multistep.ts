import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep, SchedulerStepOptions } from "../base/scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { float32 } from "../noise/arithmetic.ts";
import { drawNoise } from "../noise/draw-noise.ts";
import type { Respacing } from "../noise/sigma-spacing.ts";
import {
  type DPMSolverMultistepConfig,
  dpmSolverForeign,
  dpmSolverMultistepFields,
  multistepOrder,
  requireSolvable,
} from "./dpm-solver-config.ts";
import { type DPMSolverAlgorithm, dpmSolverUpdate } from "./dpm-solver-update.ts";
import { SolverScheduler } from "./solver-scheduler.ts";

const SHORT_NAMES: Readonly<Record<DPMSolverAlgorithm, string>> = {
  "dpmsolver++": "dpm-solver++",
  "sde-dpmsolver++": "sde-dpm-solver++",
  dpmsolver: "dpm-solver",
  "sde-dpmsolver": "sde-dpm-solver",
};

/**
 * DPM-Solver++ multistep, first to third order (Lu et al. 2022, arXiv 2211.01095), the plain DPM-Solver and the stochastic
 * forms of both, with the configuration file and the float32 arithmetic of diffusers' class of the same name.
 */
export class DPMSolverMultistepScheduler extends SolverScheduler<DPMSolverMultistepConfig> {
  static readonly className: string = "DPMSolverMultistepScheduler";
  static readonly fields: Fields<DPMSolverMultistepConfig> = dpmSolverMultistepFields;
  static readonly foreign: Partial<DPMSolverMultistepConfig> = dpmSolverForeign;

  constructor(config: DPMSolverMultistepConfig) {
    super(config, config.solverOrder - 1);
    requireSolvable(config);
  }

  override get samplerName(): string {
    return SHORT_NAMES[this.config.algorithmType];
  }

  protected override finalSigma(): number {
    return this.config.finalSigmasType === "zero" ? 0 : (this.trainSigmas[0] ?? 0);
  }

  protected override roundingOf(respacing: Respacing): (timestep: number) => number {
    // diffusers keeps this schedule's timesteps fractional until the conversion to integers, which truncates.
    const isCosine = this.config.betaSchedule === "squaredcos_cap_v2";
    return isCosine ? Math.trunc : super.roundingOf(respacing);
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
    const integratesNoise = algorithmType === "dpmsolver" || algorithmType === "sde-dpmsolver";
    const isStochastic = algorithmType.startsWith("sde-");
    const [prevSample, predOriginalSample, latest] = torch.tidy(() => {
      const latest = integratesNoise
        ? this.predictNoise(modelOutput, sample, index)
        : this.predictOriginal(modelOutput, sample, index);
      const predictions = [latest, ...this.history.tensors];
      const order = multistepOrder(index, this.timesteps.length, predictions.length, this.config);
      const noise = isStochastic ? drawNoise(latest, generator, "float32") : undefined;
      const levels = this.levelsAt(index);
      const step = { algorithmType, solverType, order, levels, arithmetic: float32 };
      const updated = dpmSolverUpdate(sample.float(), predictions, step, noise);
      const original = integratesNoise ? this.originalOf(latest, sample, index) : latest.detach();
      return [updated.to({ dtype: modelOutput.dtype }), original, latest] as const;
    });
    this.history.push(latest);
    if (index === this.timesteps.length - 1) this.history.clear();
    this.position.advance(index);
    return { prevSample, predOriginalSample };
  }
}
