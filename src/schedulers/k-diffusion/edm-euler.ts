import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import type { Fields } from "../config/config-fields.ts";
import { f32 } from "../noise/arithmetic.ts";
import { type EDMConfig, EDMScheduler, edmFields } from "./edm-scheduler.ts";

/**
 * Euler's method for models trained as in Karras et al. 2022 (arXiv 2206.00364), with the configuration file of diffusers' class.
 */
export class EDMEulerScheduler extends EDMScheduler<EDMConfig> {
  static readonly className: string = "EDMEulerScheduler";
  static readonly fields: Fields<EDMConfig> = edmFields;

  override step(modelOutput: Tensor, timestep: number, sample: Tensor): SchedulerStep {
    const index = this.position.indexOf(timestep);
    const [sigma, target] = [this.sigmaAt(index), this.sigmaAt(index + 1)];
    const result = torch.tidy(() => {
      const x = sample.float();
      const predOriginalSample = this.predictOriginal(modelOutput, x, sigma);
      const derivative = x.sub(predOriginalSample).div(sigma);
      const prevSample = x.add(derivative.mul(f32(target - sigma)));
      return { prevSample: prevSample.to({ dtype: modelOutput.dtype }), predOriginalSample };
    });
    this.position.advance(index);
    return result;
  }
}
