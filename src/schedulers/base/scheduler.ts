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
  /** Whether the first step may be at a later timestep of the schedule, as in image-to-image. */
  readonly startsLater: boolean;
  /** Whether `step` expects the channels in which the model predicts the variance, after those of the noise. */
  readonly usesLearnedVariance: boolean;
  /**
   * Plans a number of steps, or custom steps if the sampler takes them (docs/drawing.md), and frees the state of earlier steps.
   * @throws InvalidValueError for a number of steps that is not a positive integer, or is more or less than the sampler can take:
   * at most 100,000, with integer timesteps about as many as in training, with LCM and TCD `original_inference_steps`
   * @throws InvalidValueError for custom steps that do not descend, lie outside the training's, or that the sampler does not take
   */
  setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void;
  /**
   * Says at which index of `timesteps` the first step is, as image-to-image knows it: some schedules have a timestep twice (diffusers,
   * `set_begin_index`). Without it, it is found by its timestep. Call it after `setTimesteps`.
   * @throws InvalidValueError for an index outside the schedule
   */
  setBeginIndex(index: number): void;
  /** The model's input for `sample` at `timestep`. */
  scaleModelInput(sample: Tensor, timestep: number): Tensor;
  /**
   * One step. The first may be at any timestep of the schedule if the sampler `startsLater`; the others follow in its order. DDIM
   * takes any training timestep in any order; the multistep solvers take an unknown first timestep for the last one, as in diffusers.
   * The results belong to the enclosing scope or, without one, to the caller; the arguments remain the caller's.
   * @param modelOutput the model's prediction, of `sample`'s shape; (B, 2·C, H, W) if the sampler `usesLearnedVariance`
   * @param timestep    that of this step
   * @param sample      the noisy sample at `timestep`: (B, C, H, W), or (B, …) for a sampler without a learned variance
   * @throws InvalidStateError before `setTimesteps`, and after the last step
   * @throws InvalidValueError for any other timestep, and for a learned variance that `modelOutput` lacks
   */
  step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    options?: SchedulerStepOptions,
  ): SchedulerStep;
  /**
   * `original` (B, …) with `noise` of the same shape, each row at the noise level of its timestep: a new tensor.
   * @param timesteps B timesteps: integers of the training or, for samplers whose timesteps are fractional, planned ones
   * @throws InvalidValueError for another number of timesteps than B, and for a timestep that does not exist
   */
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

/** The result of a step. */
export interface SchedulerStep {
  /** The less noisy sample at the next timestep, of `sample`'s shape. */
  readonly prevSample: Tensor;
  /** The model's estimate of the clean sample at this step, of the same shape. A sampler's last step may give the same tensor. */
  readonly predOriginalSample: Tensor;
}
