import type { Tensor } from "../../torch/index.ts";
import type { ConfigObject } from "../../weights/index.ts";
import type { NoiseSource } from "../noise/draw-noise.ts";

/** A sampler: turns a model's prediction at one timestep into the sample at the next, less noisy, one. */
export interface Scheduler extends Disposable {
  /** diffusers' name for it, which `model_index.json` and `scheduler_config.json` hold. */
  readonly className: string;
  /** The name by which `schedulerNamed` makes it out of another sampler's file; the class, unless several share that. */
  readonly samplerName: string;
  /** How often a step asks the model: each but the last has as many timesteps. */
  readonly order: number;
  /** The timesteps of the current schedule, noisiest first. Some samplers have fractional ones. Empty until `setTimesteps`. */
  readonly timesteps: readonly number[];
  /** Standard deviation of the noise that sampling starts from. For some samplers it depends on the schedule: ask after `setTimesteps`. */
  readonly initNoiseSigma: number;
  /** Whether a schedule of one step ends at `predOriginalSample`, as diffusers' pipelines have it where its class hands that out. */
  readonly endsAtOriginal: boolean;
  /** Whether `step` wants the channels in which the model predicts the variance, after those of the noise. */
  readonly usesLearnedVariance: boolean;
  /** Plans a number of steps, or steps of one's own where the sampler can, and forgets what earlier steps left behind. */
  setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void;
  /** What the model is fed for `sample` at `timestep`. */
  scaleModelInput(sample: Tensor, timestep: number): Tensor;
  /**
   * One step. `modelOutput` has the shape of `sample`, or twice its channels where the sampler `usesLearnedVariance`;
   * `prevSample` has the sample's shape.
   */
  step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    options?: SchedulerStepOptions,
  ): SchedulerStep;
  /** `original` with `noise` at one timestep a batch row. */
  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor;
  /** The same sampler with no steps taken: what a pipeline uses, so that calls don't share state. */
  clone(): Scheduler;
  /** What `scheduler_config.json` holds: the class name and the fields. */
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
   * Descending noise levels σ. Where diffusers' class wants the level that the last step arrives at among them, as
   * `EulerDiscreteScheduler` does, they are one more than the steps.
   */
  readonly sigmas: readonly number[];
}

export interface SchedulerStepOptions {
  /** Where samplers that draw noise take it from. libtorch's default generator unless given. */
  readonly generator?: NoiseSource | undefined;
  /**
   * How much noise DDIM draws: 0, its default, for none and 1 for as much as DDPM. For TCD, whose default is 0.3, how much of
   * each step is noise drawn anew. Other samplers pass over it.
   */
  readonly eta?: number | undefined;
}

export interface SchedulerStep {
  readonly prevSample: Tensor;
  /** The clean sample that this step expects of the model. */
  readonly predOriginalSample: Tensor;
}
