import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { type Scheduler, schedulerFromPretrained } from "../schedulers/index.ts";
import { predictionType, samplerFor } from "./stages/denoising.ts";

/**
 * What a run draws its samples with: the base pipeline's own sampler, or DPM-Solver++ of PixArt's files. Throws where the
 * stage would train the base towards another target than it predicts.
 */
export async function samplerOf(
  { base }: ResolvedConfig,
  { name, loss }: ResolvedStage<"text-to-image">,
): Promise<Scheduler> {
  if (base === null) return samplerFor(loss);
  const scheduler = await schedulerFromPretrained(base, { subfolder: "scheduler" });
  const predicts = scheduler.toConfig().prediction_type ?? "epsilon";
  if (predicts !== predictionType(loss.type)) {
    const types = predicts === "v_prediction" ? '"v"' : '"epsilon" or "epsilon+vlb"';
    throw new Error(
      `Expected ${types} for loss.type of stage "${name}", because ${base} was trained to predict ${predicts}, but received "${loss.type}"`,
    );
  }
  return scheduler;
}
