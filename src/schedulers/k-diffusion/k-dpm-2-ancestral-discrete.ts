import type { Fields } from "../config/config-fields.ts";
import { ancestralStep } from "./ancestral-step.ts";
import {
  geometricMiddle,
  type KDPM2Config,
  KDPM2Scheduler,
  type KDPM2Step,
  kdpm2Fields,
} from "./k-dpm-2-scheduler.ts";

/**
 * DPM-Solver-2 on the noise level that steps further down than needed and adds noise again, with the configuration file of
 * diffusers' class.
 */
export class KDPM2AncestralDiscreteScheduler extends KDPM2Scheduler {
  static readonly className: string = "KDPM2AncestralDiscreteScheduler";
  /** The defaults of `beta_start` and `beta_end` are not PixArt's. */
  static readonly fields: Fields<KDPM2Config> = kdpm2Fields;
  protected override readonly addsNoise = true;

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
