import { expected } from "../../errors/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { ScheduleConfig, ZeroSnrConfig } from "../config/common-fields.ts";
import { NoiseSchedule } from "../noise/noise-schedule.ts";
import { BaseScheduler } from "./base-scheduler.ts";
import type { CustomSigmas, CustomTimesteps } from "./scheduler.ts";

/** Shared by samplers over the noise schedule of the training. */
export abstract class TrainedScheduler<
  Config extends ScheduleConfig & Partial<ZeroSnrConfig>,
> extends BaseScheduler<Config> {
  /** The float32 tables of the training schedule. */
  protected readonly schedule: NoiseSchedule;

  /** @param leastSignal the signal left at the end of a zero-SNR schedule, for samplers that divide by it */
  constructor(config: Config, leastSignal?: number) {
    super(config);
    this.schedule = NoiseSchedule.float32({
      ...config,
      ...(leastSignal !== undefined && { leastSignal }),
    });
  }

  override setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void {
    const { numTrainTimesteps } = this.config;
    if (this.schedule.length !== numTrainTimesteps) {
      throw expected(
        `${numTrainTimesteps} values (num_train_timesteps)`,
        "trained_betas",
        this.schedule.length,
      );
    }
    super.setTimesteps(plan);
  }

  /** Plans timesteps of the training. Throws for any other, such as a fractional one. */
  protected planTrained(timesteps: readonly number[]): void {
    for (const timestep of timesteps) this.schedule.at(timestep);
    this.position.plan([...timesteps]);
  }

  /** Adds `noise` to `original` at one training timestep per row. */
  override addNoise(original: Tensor, noise: Tensor, timesteps: readonly number[]): Tensor {
    return this.schedule.addNoise(original, noise, timesteps);
  }
}
