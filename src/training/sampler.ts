import type { ResolvedConfig, ResolvedStage } from "../config/index.ts";
import { LCMScheduler, type Scheduler, schedulerFromPretrained } from "../schedulers/index.ts";
import { predictionType, samplerFor } from "./stages/denoising.ts";

type Stage = ResolvedStage<"text-to-image">;

/**
 * What a run draws its samples with: the base pipeline's own sampler, or DPM-Solver++ of PixArt's files; LCM where the stage
 * distils. Throws where the
 * stage would train the base towards another target than it predicts.
 */
export async function samplerOf(
  { base }: ResolvedConfig,
  { name, loss, consistency }: Stage,
): Promise<Scheduler> {
  const own = consistency === null ? samplerFor(loss) : consistencySampler(loss, consistency);
  if (base === null) return own;
  const scheduler = await schedulerFromPretrained(base, { subfolder: "scheduler" });
  const predicts = scheduler.toConfig().prediction_type ?? "epsilon";
  if (predicts !== predictionType(loss.type)) {
    const types = predicts === "v_prediction" ? '"v"' : '"epsilon" or "epsilon+vlb"';
    throw new Error(
      `Expected ${types} for loss.type of stage "${name}", because ${base} was trained to predict ${predicts}, but received "${loss.type}"`,
    );
  }
  return consistency === null ? scheduler : own;
}

const consistencySampler = (
  { type }: Stage["loss"],
  { solverSteps }: NonNullable<Stage["consistency"]>,
): Scheduler =>
  LCMScheduler.fromConfig({
    beta_start: 1e-4,
    beta_end: 0.02,
    beta_schedule: "linear",
    original_inference_steps: solverSteps,
    prediction_type: predictionType(type),
  });
