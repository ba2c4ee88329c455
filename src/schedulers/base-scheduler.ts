import type { Tensor } from "../torch/index.ts";
import type { ConfigObject } from "../weights/index.ts";
import type { ScheduleConfig } from "./common-fields.ts";
import { writeFields } from "./config-fields.ts";
import { NoiseSchedule } from "./noise-schedule.ts";
import type {
  CustomTimesteps,
  Scheduler,
  SchedulerStep,
  SchedulerStepOptions,
} from "./scheduler.ts";
import { writeSchedulerFile } from "./scheduler-file.ts";
import { StepPosition } from "./step-position.ts";

/** What all samplers share: the config and its file, the noise schedule, and the order of the steps. */
export abstract class BaseScheduler<Config extends ScheduleConfig> implements Scheduler {
  abstract readonly className: string;
  readonly config: Config;
  readonly usesLearnedVariance: boolean = false;
  /** The float32 tables of the training schedule. */
  protected readonly schedule: NoiseSchedule;
  protected readonly position: StepPosition = new StepPosition();

  constructor(config: Config) {
    this.config = config;
    this.schedule = NoiseSchedule.float32(config);
  }

  abstract step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    options?: SchedulerStepOptions,
  ): SchedulerStep;

  abstract clone(): Scheduler;

  /** Plans `count` steps, checked to be a positive integer. */
  protected abstract planCount(count: number): void;

  /** Plans given steps, checked to be descending timesteps. */
  protected planTimesteps(timesteps: readonly number[]): void {
    throw new Error(
      `Expected a number of steps for ${this.className}, which takes no timesteps of one's own, but received [${timesteps}]`,
    );
  }

  /** Plans timesteps that training had. Throws on any other, such as a fractional one. */
  protected planTrained(timesteps: readonly number[]): void {
    for (const timestep of timesteps) this.schedule.at(timestep);
    this.position.plan([...timesteps]);
  }

  /** Frees what earlier steps left behind. */
  protected forget(): void {}

  get samplerName(): string {
    return this.className;
  }

  get timesteps(): readonly number[] {
    return this.position.timesteps;
  }

  get initNoiseSigma(): number {
    return 1;
  }

  setTimesteps(plan: number | CustomTimesteps): void {
    this.forget();
    if (typeof plan !== "number") {
      const { timesteps } = plan;
      const last = this.config.numTrainTimesteps - 1;
      const isDescending = timesteps.every(
        (t, i) => t >= 0 && t <= last && t < (timesteps[i - 1] ?? Number.POSITIVE_INFINITY),
      );
      if (timesteps.length === 0 || !isDescending) {
        throw new RangeError(
          `Expected descending numbers from ${last} to 0 for timesteps but received [${timesteps}]`,
        );
      }
      this.planTimesteps(timesteps);
      return;
    }
    if (!Number.isInteger(plan) || plan < 1) {
      throw new Error(
        `Expected a positive integer for number of inference steps but received ${plan}`,
      );
    }
    this.planCount(plan);
  }

  scaleModelInput(sample: Tensor, _timestep: number): Tensor {
    return sample;
  }

  addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return this.schedule.addNoise(original, noise, timesteps);
  }

  toConfig(): ConfigObject {
    return { _class_name: this.className, ...writeFields(this.config) };
  }

  async savePretrained(folder: string): Promise<void> {
    await writeSchedulerFile(folder, this.toConfig());
  }

  /** Frees what earlier steps left behind and goes back to before the first. */
  [Symbol.dispose](): void {
    this.forget();
    this.position.rewind();
  }
}
