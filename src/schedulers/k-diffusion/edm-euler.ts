import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { SchedulerStep } from "../base/scheduler.ts";
import { readFields, type SchedulerJson } from "../config/config-fields.ts";
import { readSchedulerFile, type SchedulerFolderOptions } from "../config/scheduler-file.ts";
import { f32 } from "../noise/arithmetic.ts";
import { type EDMConfig, EDMScheduler, edmFields } from "./edm-scheduler.ts";

const NAME = "EDMEulerScheduler";

/** Euler's method for models trained as Karras et al. 2022 (arXiv 2206.00364) propose, with the configuration file of diffusers' class. */
export class EDMEulerScheduler extends EDMScheduler<EDMConfig> {
  override readonly className = NAME;

  /** Builds the scheduler from the fields of a `scheduler_config.json`; absent ones take their defaults. */
  static fromConfig(json: SchedulerJson = {}): EDMEulerScheduler {
    return new EDMEulerScheduler(readFields<EDMConfig>(json, NAME, edmFields));
  }

  /** Reads `scheduler_config.json` from `folder`, or from its `subfolder`. */
  static async fromPretrained(
    folder: string,
    options: SchedulerFolderOptions = {},
  ): Promise<EDMEulerScheduler> {
    return readSchedulerFile(folder, options, EDMEulerScheduler.fromConfig);
  }

  override clone(): EDMEulerScheduler {
    return new EDMEulerScheduler(this.config);
  }

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
