import type { Tensor } from "../torch/index.ts";

/** A sampler: turns a model's prediction at one timestep into the sample at the next, less noisy, one. */
export interface Scheduler extends Disposable {
  /** diffusers' name for it, which `model_index.json` and `scheduler_config.json` hold. */
  readonly className: string;
  /** The timesteps of the current schedule, noisiest first. Empty until `setTimesteps`. */
  readonly timesteps: readonly number[];
  /** Standard deviation of the noise that sampling starts from. */
  readonly initNoiseSigma: number;
  /** Plans `count` steps and forgets what earlier steps left behind. */
  setTimesteps(count: number): void;
  /** What the model is fed for `sample` at `timestep`. */
  scaleModelInput(sample: Tensor, timestep: number): Tensor;
  /** One step: `modelOutput` and `sample` share one shape; `prevSample` has it too, in `modelOutput`'s dtype. */
  step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep;
  /** `original` with `noise` at one timestep a batch row. */
  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor;
  /** The same sampler with no steps taken: what a pipeline uses, so that calls don't share state. */
  clone(): Scheduler;
  /** Writes `scheduler_config.json` into `folder`. */
  savePretrained(folder: string): Promise<void>;
}

export interface SchedulerStep {
  readonly prevSample: Tensor;
}
