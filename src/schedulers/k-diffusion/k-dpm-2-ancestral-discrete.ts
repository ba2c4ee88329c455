import { readFields, type SchedulerJson } from "../config/config-fields.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "../config/scheduler-file.ts";
import { ancestralStep } from "./ancestral-step.ts";
import {
  geometricMiddle,
  type KDPM2Config,
  KDPM2Scheduler,
  type KDPM2Step,
  kdpm2Fields,
} from "./k-dpm-2-scheduler.ts";

const NAME = "KDPM2AncestralDiscreteScheduler";

/** DPM-Solver-2 on the noise level that goes further down than it should and adds noise anew, with the configuration file of diffusers' class. */
export class KDPM2AncestralDiscreteScheduler extends KDPM2Scheduler {
  override readonly className = NAME;
  protected override readonly addsNoise = true;

  /**
   * Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults, of which `beta_start`
   * and `beta_end` are not PixArt's.
   */
  static fromConfig(json: SchedulerJson = {}): KDPM2AncestralDiscreteScheduler {
    return new KDPM2AncestralDiscreteScheduler(readFields<KDPM2Config>(json, NAME, kdpm2Fields));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<KDPM2AncestralDiscreteScheduler> {
    return readSchedulerFile(folder, options, KDPM2AncestralDiscreteScheduler.fromConfig);
  }

  override clone(): KDPM2AncestralDiscreteScheduler {
    return new KDPM2AncestralDiscreteScheduler(this.config);
  }

  protected override stepsThrough(sigmas: readonly number[]): KDPM2Step[] {
    const starts = sigmas.slice(0, -1);
    const parts = starts.map((start, i) => ancestralStep(start, sigmas[i + 1] ?? 0));
    const middles = geometricMiddle(
      starts,
      parts.map(({ down }) => down),
    );
    return parts.map(({ down, up }, i) => {
      const [start = Number.NaN, middle = Number.NaN] = [starts[i], middles[i]];
      return { start, middle: down > 0 ? middle : 0, end: down, noise: up };
    });
  }
}
