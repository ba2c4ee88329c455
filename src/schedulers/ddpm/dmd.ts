import { expected } from "../../errors/index.ts";
import { flag } from "../../files/reading/config-fields.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { CustomSigmas, CustomTimesteps, SchedulerStep } from "../base/scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { type DDPMConfig, DDPMScheduler, ddpmFields } from "./ddpm.ts";

/** The start timestep of one-step PixArt: such models did worse from 999 (PixArt-sigma, scripts/DMD, `one_step_maxt`). */
const START = 400;

/**
 * The single step of models distilled with DMD (Yin et al. 2023, arXiv 2311.18828): their input is pure noise at timestep 400,
 * and the predicted x0 is the picture. Its file is that of a `DDPMScheduler`, its class in diffusers.
 */
export class DMDScheduler extends DDPMScheduler {
  /** x0 is clipped only if the file says so. */
  static override readonly fields: Fields<DDPMConfig> = { ...ddpmFields, clipSample: flag(false) };
  static override readonly foreign: Partial<DDPMConfig> = { varianceType: "fixed_small" };

  override get samplerName(): string {
    return "dmd";
  }

  /** Plans the single step, at timestep 400 or at a given one. */
  override setTimesteps(plan: number | CustomTimesteps | CustomSigmas): void {
    const count = typeof plan === "number" ? plan : "sigmas" in plan ? 1 : plan.timesteps.length;
    if (count !== 1) {
      throw expected("1 (the model makes a picture in one step)", "numInferenceSteps", count);
    }
    super.setTimesteps(typeof plan === "number" ? { timesteps: [START] } : plan);
  }

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const original = torch.tidy(() => this.predictOriginal(modelOutput, timestep, sample));
    this.position.advance(index);
    return { prevSample: original, predOriginalSample: original };
  }
}
