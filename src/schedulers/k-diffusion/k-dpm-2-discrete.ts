import type { Fields } from "../config/config-fields.ts";
import {
  geometricMiddle,
  type KDPM2Config,
  KDPM2Scheduler,
  type KDPM2Step,
  kdpm2Fields,
} from "./k-dpm-2-scheduler.ts";

/** DPM-Solver-2 on the noise level, with the configuration file of diffusers' class. */
export class KDPM2DiscreteScheduler extends KDPM2Scheduler {
  static readonly className: string = "KDPM2DiscreteScheduler";
  /** The defaults of `beta_start` and `beta_end` are not PixArt's. */
  static readonly fields: Fields<KDPM2Config> = kdpm2Fields;
  protected override readonly addsNoise = false;

  protected override stepsThrough(sigmas: readonly number[]): KDPM2Step[] {
    const ends = sigmas.slice(1);
    const middles = geometricMiddle(ends, sigmas.slice(0, -1));
    return ends.map((end, i) => {
      const [start = Number.NaN, middle = Number.NaN] = [sigmas[i], middles[i]];
      return { start, middle, end, noise: 0 };
    });
  }
}
