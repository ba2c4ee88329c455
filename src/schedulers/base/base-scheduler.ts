import { expected, InvalidValueError } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { ConfigObject } from "../../weights/index.ts";
import {
  type Fields,
  readFields,
  type SchedulerJson,
  writeFields,
} from "../config/config-fields.ts";
import { MOST_TIMESTEPS } from "../config/most-timesteps.ts";
import {
  readSchedulerFile,
  type SchedulerFolderOptions,
  writeSchedulerFile,
} from "../config/scheduler-file.ts";
import { tooManySteps } from "../noise/timestep-spacing.ts";
import type {
  CustomSigmas,
  CustomTimesteps,
  Scheduler,
  SchedulerStep,
  SchedulerStepOptions,
} from "./scheduler.ts";
import { StepPosition } from "./step-position.ts";

/** Static properties of a sampler's class. */
export interface SchedulerClass<Config extends object, Built> {
  new (config: Config): Built;
  /** Its name in diffusers. */
  readonly className: string;
  /** The fields of its `scheduler_config.json`, with diffusers' defaults. */
  readonly fields: Fields<Config>;
  /** Values for fields that another sampler's file lacks or uses for something else. */
  readonly foreign?: Partial<Config>;
}

/** Builds a sampler of a class from the fields of a `scheduler_config.json`; absent ones take diffusers' defaults. */
export function buildScheduler<Config extends object, Built>(
  Sampler: SchedulerClass<Config, Built>,
  json: SchedulerJson,
): Built {
  return new Sampler(readFields(json, Sampler.className, Sampler.fields, Sampler.foreign));
}

/** Shared by all samplers: the config and its file, and the order of the steps. */
export abstract class BaseScheduler<Config extends { readonly numTrainTimesteps: number }>
  implements Scheduler
{
  readonly config: Config;
  readonly usesLearnedVariance: boolean = false;
  readonly order: number = 1;
  readonly endsAtOriginal: boolean = true;
  protected readonly position: StepPosition = new StepPosition();

  constructor(config: Config) {
    this.config = config;
  }

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take diffusers' defaults. */
  static fromConfig<Config extends object, Built>(
    this: SchedulerClass<Config, Built>,
    json: SchedulerJson = {},
  ): Built {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the subclass it is called on.
    return buildScheduler(this, json);
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained<Config extends object, Built>(
    this: SchedulerClass<Config, Built>,
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<Built> {
    // biome-ignore lint/complexity/noThisInStatic: `this` is the subclass it is called on.
    return readSchedulerFile(folder, options, (json) => buildScheduler(this, json));
  }

  get className(): string {
    return this.#class.className;
  }

  get #class(): SchedulerClass<Config, this> {
    return this.constructor as unknown as SchedulerClass<Config, this>;
  }

  clone(): this {
    return new this.#class(this.config);
  }

  abstract step(
    modelOutput: Tensor,
    timestep: number,
    sample: Tensor,
    options?: SchedulerStepOptions,
  ): SchedulerStep;

  abstract addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor;

  /** Plans `count` steps, already checked to be a positive integer. */
  protected abstract planCount(count: number): void;

  /** Plans given steps, already checked to be descending timesteps. */
  protected planTimesteps(timesteps: readonly number[]): void {
    this.refuseTimesteps(timesteps);
  }

  /** Throws: this sampler chooses its timesteps. */
  protected refuseTimesteps(timesteps: readonly number[]): never {
    throw new InvalidValueError(
      `Expected a number of steps for ${this.className}, which takes no custom timesteps, but received [${timesteps}]`,
    );
  }

  /** Plans steps at given noise levels, already checked to be descending. */
  protected planSigmas(sigmas: readonly number[]): void {
    throw new InvalidValueError(
      `Expected a number of steps for ${this.className}, which takes no custom noise levels, but received [${sigmas}]`,
    );
  }

  /** Frees the state of earlier steps. */
  protected forget(): void {}

  get samplerName(): string {
    return this.className;
  }

  get startsLater(): boolean {
    return true;
  }

  get timesteps(): readonly number[] {
    return this.position.timesteps;
  }

  get initNoiseSigma(): number {
    return 1;
  }

  setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void {
    this.forget();
    if (typeof plan === "number") {
      if (!Number.isInteger(plan) || plan < 1) {
        throw expected("a positive integer", "numInferenceSteps", plan);
      }
      if (plan > MOST_TIMESTEPS) throw tooManySteps(MOST_TIMESTEPS, plan);
      this.planCount(plan);
    } else if ("sigmas" in plan) {
      if (plan.sigmas.length > MOST_TIMESTEPS)
        throw tooManySteps(MOST_TIMESTEPS, plan.sigmas.length);
      requireSigmas(plan.sigmas);
      this.planSigmas(plan.sigmas);
    } else {
      if (plan.timesteps.length > MOST_TIMESTEPS)
        throw tooManySteps(MOST_TIMESTEPS, plan.timesteps.length);
      requireTimesteps(plan.timesteps, this.config.numTrainTimesteps - 1);
      this.planTimesteps(plan.timesteps);
    }
  }

  setBeginIndex(index: number): void {
    this.position.beginAt(index);
  }

  scaleModelInput(sample: Tensor, _timestep: number): Tensor {
    return sample;
  }

  toConfig(): ConfigObject {
    return { _class_name: this.className, ...writeFields(this.config) };
  }

  async savePretrained(folder: string): Promise<void> {
    await writeSchedulerFile(folder, this.toConfig());
  }

  /** Frees the state of earlier steps and rewinds to before the first. */
  [Symbol.dispose](): void {
    this.forget();
    this.position.rewind();
  }
}

/** Throws unless timesteps descend from at most `last` to 0. */
function requireTimesteps(timesteps: readonly number[], last: number): void {
  const isDescending = timesteps.every(
    (t, i) => t >= 0 && t <= last && t < (timesteps[i - 1] ?? Number.POSITIVE_INFINITY),
  );
  if (timesteps.length > 0 && isDescending) return;
  throw expected(`descending numbers from ${last} to 0`, "timesteps", `[${timesteps}]`);
}

/** Throws unless noise levels do not rise and end at 0 or above. */
function requireSigmas(sigmas: readonly number[]): void {
  const isFalling = sigmas.every((s, i) => s >= 0 && s <= (sigmas[i - 1] ?? Number.MAX_VALUE));
  if (sigmas.length > 0 && isFalling) return;
  throw expected("numbers of at least 0 that do not increase", "sigmas", `[${sigmas}]`);
}
