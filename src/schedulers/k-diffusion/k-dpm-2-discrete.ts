import { readFields, type SchedulerJson } from "../config/config-fields.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "../config/scheduler-file.ts";
import {
  geometricMiddle,
  type KDPM2Config,
  KDPM2Scheduler,
  type KDPM2Step,
  kdpm2Fields,
} from "./k-dpm-2-scheduler.ts";

const NAME = "KDPM2DiscreteScheduler";

/** DPM-Solver-2 on the noise level, with the configuration file of diffusers' class. */
export class KDPM2DiscreteScheduler extends KDPM2Scheduler {
  override readonly className = NAME;
  protected override readonly addsNoise = false;

  /**
   * Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults, of which `beta_start`
   * and `beta_end` are not PixArt's.
   */
  static fromConfig(json: SchedulerJson = {}): KDPM2DiscreteScheduler {
    return new KDPM2DiscreteScheduler(readFields<KDPM2Config>(json, NAME, kdpm2Fields));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<KDPM2DiscreteScheduler> {
    return readSchedulerFile(folder, options, KDPM2DiscreteScheduler.fromConfig);
  }

  override clone(): KDPM2DiscreteScheduler {
    return new KDPM2DiscreteScheduler(this.config);
  }

  protected override stepsThrough(sigmas: readonly number[]): KDPM2Step[] {
    const ends = sigmas.slice(1);
    const middles = geometricMiddle(ends, sigmas.slice(0, -1));
    return ends.map((end, i) => {
      const [start = Number.NaN, middle = Number.NaN] = [sigmas[i], middles[i]];
      return { start, middle, end, noise: 0 };
    });
  }
}
