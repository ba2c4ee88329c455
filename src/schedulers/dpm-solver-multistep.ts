import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";
import { f32, float32 } from "./arithmetic.ts";
import { BaseScheduler } from "./base-scheduler.ts";
import { readFields, type SchedulerJson } from "./config-fields.ts";
import { type DPMSolverMultistepConfig, dpmSolverFields } from "./dpm-solver-config.ts";
import {
  type DPMSolverAlgorithm,
  type DPMSolverLevels,
  dpmSolverUpdate,
} from "./dpm-solver-update.ts";
import { drawNoise } from "./draw-noise.ts";
import { type LogNoiseLevel, levelsOfSigmas, trainingSigmas } from "./noise-level.ts";
import { predictNoise, predictOriginal } from "./prediction.ts";
import type { SchedulerStep, SchedulerStepOptions } from "./scheduler.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "./scheduler-file.ts";
import {
  planSigmas,
  type Respacing,
  refuseRespaced,
  respacingOf,
  type SigmaPlan,
} from "./sigma-spacing.ts";
import { TensorHistory } from "./tensor-history.ts";
import { spaceTimesteps } from "./timestep-spacing.ts";

const NAME = "DPMSolverMultistepScheduler";
const SHORT_NAMES: Readonly<Record<DPMSolverAlgorithm, string>> = {
  "dpmsolver++": "dpm-solver++",
  "sde-dpmsolver++": "sde-dpm-solver++",
  dpmsolver: "dpm-solver",
};

/**
 * DPM-Solver++ multistep, first to third order (Lu et al. 2022, arXiv 2211.01095), its stochastic form and the plain
 * DPM-Solver, with the configuration file and the float32 arithmetic of diffusers' class of the same name.
 */
export class DPMSolverMultistepScheduler extends BaseScheduler<DPMSolverMultistepConfig> {
  override readonly className = NAME;
  readonly #trainSigmas: readonly number[];
  readonly #respacing: Respacing | undefined;
  #sigmas: readonly number[] = [];
  #levels: readonly LogNoiseLevel[] = [];
  /** Predictions of x0, or of the noise for the plain algorithm. */
  readonly #history: TensorHistory;

  constructor(config: DPMSolverMultistepConfig) {
    super(config);
    if (config.algorithmType === "dpmsolver" && config.finalSigmasType === "zero") {
      throw new Error(
        'Expected "sigma_min" for final_sigmas_type where algorithm_type is "dpmsolver" but received "zero"',
      );
    }
    this.#respacing = respacingOf(config);
    this.#trainSigmas = trainingSigmas(this.schedule);
    this.#history = new TensorHistory(config.solverOrder - 1);
  }

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: SchedulerJson = {}): DPMSolverMultistepScheduler {
    // Samplers of other kinds have other algorithm, solver and variance types under these names.
    const config = readFields<DPMSolverMultistepConfig>(json, NAME, dpmSolverFields, {
      algorithmType: "dpmsolver++",
      solverType: "midpoint",
      varianceType: null,
    });
    return new DPMSolverMultistepScheduler(config);
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<DPMSolverMultistepScheduler> {
    return readSchedulerFile(folder, options, DPMSolverMultistepScheduler.fromConfig);
  }

  override get samplerName(): string {
    return SHORT_NAMES[this.config.algorithmType];
  }

  /** The noise level before each step, and the one that the last step arrives at. */
  get sigmas(): readonly number[] {
    return this.#sigmas;
  }

  override clone(): DPMSolverMultistepScheduler {
    return new DPMSolverMultistepScheduler(this.config);
  }

  protected override planCount(count: number): void {
    const { lambdaMinClipped } = this.config;
    const clipped = levelsOfSigmas(this.#trainSigmas).filter((l) => l.lambda < lambdaMinClipped);
    const last = this.#trainSigmas.length - clipped.length;
    const timesteps = spaceTimesteps(count, last, this.config);
    this.#start(planSigmas(timesteps, count, this.#trainSigmas, this.#respacing));
  }

  protected override planTimesteps(timesteps: readonly number[]): void {
    refuseRespaced(this.#respacing, timesteps);
    this.#start(planSigmas(timesteps, timesteps.length, this.#trainSigmas, undefined));
  }

  #start({ timesteps, sigmas }: SigmaPlan): void {
    const final = this.config.finalSigmasType === "zero" ? 0 : (this.#trainSigmas[0] ?? 0);
    this.position.plan(timesteps);
    this.#sigmas = [...sigmas, final].map(f32);
    this.#levels = levelsOfSigmas(this.#sigmas);
  }

  override step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    { generator }: SchedulerStepOptions = {},
  ): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const { algorithmType, predictionType, solverType } = this.config;
    const levels = this.#levelsAt(index);
    const [prevSample, latest] = torch.tidy(() => {
      const predict = algorithmType === "dpmsolver" ? predictNoise : predictOriginal;
      const latest = predict(predictionType, modelOutput, sample, levels[1]);
      const predictions = [latest, ...this.#history.tensors];
      const order = this.#orderAt(index, predictions.length);
      const noise =
        algorithmType === "sde-dpmsolver++" ? drawNoise(latest, generator, "float32") : undefined;
      const step = { algorithmType, solverType, order, levels, arithmetic: float32 };
      const updated = dpmSolverUpdate(sample.float(), predictions, step, noise);
      return [updated.to({ dtype: modelOutput.dtype }), latest] as const;
    });
    this.#history.push(latest);
    if (index === this.timesteps.length - 1) this.#history.clear();
    this.position.advance(index);
    return { prevSample };
  }

  protected override forget(): void {
    this.#history.clear();
  }

  /** The order that is stable here: it grows from 1 and falls back at the end of a short schedule. */
  #orderAt(index: number, predictions: number): number {
    const { solverOrder, lowerOrderFinal, eulerAtFinal, finalSigmasType } = this.config;
    const remaining = this.timesteps.length - index;
    const short = lowerOrderFinal && this.timesteps.length < 15;
    const known = Math.min(solverOrder, predictions);
    if (remaining === 1 && (short || eulerAtFinal || finalSigmasType === "zero")) return 1;
    return remaining === 2 && short ? Math.min(known, 2) : known;
  }

  #levelsAt(index: number): DPMSolverLevels {
    const [target, source, ...earlier] = this.#levels
      .slice(Math.max(index - 2, 0), index + 2)
      .reverse();
    if (target === undefined || source === undefined) {
      throw new Error(`Expected a step of the schedule but received step ${index}`);
    }
    return [target, source, ...earlier];
  }
}
