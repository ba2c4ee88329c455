import type { Tensor } from "../../torch/index.ts";
import type { ConfigObject } from "../../weights/index.ts";
import type { NoiseSource } from "../noise/draw-noise.ts";

/** A sampler: turns a model's prediction at one timestep into the sample at the next, less noisy one. */
export interface Scheduler extends Disposable {
  /** Its name in diffusers, which `model_index.json` and `scheduler_config.json` contain. */
  readonly className: string;
  /** The name by which `schedulerNamed` builds it from another sampler's file; the class name, unless several share that. */
  readonly samplerName: string;
  /** Model calls per step: each step but the last has as many timesteps. */
  readonly order: number;
  /** The timesteps of the current schedule, noisiest first. Some samplers have fractional ones. Empty until `setTimesteps`. */
  readonly timesteps: readonly number[];
  /**
   * Standard deviation of the noise that sampling starts from. For some samplers it depends on the schedule: read it after
   * `setTimesteps`.
   */
  readonly initNoiseSigma: number;
  /** Whether a schedule of one step ends at `predOriginalSample`, as in diffusers' pipelines if its class returns that. */
  readonly endsAtOriginal: boolean;
  /** Whether `step` expects the channels in which the model predicts the variance, after those of the noise. */
  readonly usesLearnedVariance: boolean;
  /** Plans a number of steps, or custom steps if the sampler supports them, and frees the state of earlier steps. */
  setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void;
  /** The model's input for `sample` at `timestep`. */
  scaleModelInput(sample: Tensor, timestep: number): Tensor;
  /**
   * One step. `modelOutput` has the shape of `sample`, or twice its channels if the sampler `usesLearnedVariance`; `prevSample`
   * has the sample's shape.
   */
  step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    options?: SchedulerStepOptions,
  ): SchedulerStep;
  /** Adds `noise` to `original` at one timestep per batch row. */
  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor;
  /** The same sampler without any steps taken. Pipelines use one per call, so that calls don't share state. */
  clone(): Scheduler;
  /** The content of `scheduler_config.json`: the class name and the fields. */
  toConfig(): ConfigObject;
  /** Writes `scheduler_config.json` into `folder`. */
  savePretrained(folder: string): Promise<void>;
}

export interface CustomTimesteps {
  /** Descending training timesteps. */
  readonly timesteps: readonly number[];
}

export interface CustomSigmas {
  /**
   * Descending noise levels σ. If diffusers' class expects the level at which the last step ends among them, as
   * `EulerDiscreteScheduler` does, there is one more than steps.
   */
  readonly sigmas: readonly number[];
}

export interface SchedulerStepOptions {
  /** Source of noise for samplers that draw it. Default: libtorch's default generator. */
  readonly generator?: NoiseSource | undefined;
  /**
   * How much noise DDIM draws: 0, its default, for none and 1 for as much as DDPM. For TCD, whose default is 0.3, how much of
   * each step is new noise. Other samplers ignore it.
   */
  readonly eta?: number | undefined;
}

export interface SchedulerStep {
  readonly prevSample: Tensor;
  /** The model's estimate of the clean sample at this step. */
  readonly predOriginalSample: Tensor;
}
