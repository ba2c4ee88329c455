import type { ResolvedConfig, ResolvedStage } from "../../config/index.ts";
import { LCMScheduler, type Scheduler, schedulerFromPretrained } from "../../schedulers/index.ts";
import { predictionType, samplerFor } from "./denoising.ts";
import { type NoiseFields, noiseFieldsOf } from "./noise-levels.ts";

type Stage = ResolvedStage<"text-to-image">;

/** The sampler of a run's samples: the base pipeline's own, or DPM-Solver++ as in PixArt's files; LCM if the stage distils. */
export async function samplerOf(
  { base }: ResolvedConfig,
  { loss, consistency }: Stage,
): Promise<Scheduler> {
  const own =
    base === null
      ? samplerFor(loss)
      : await schedulerFromPretrained(base, { subfolder: "scheduler" });
  if (consistency === null) return own;
  using teacher = own;
  return consistencySampler(loss, consistency, noiseFieldsOf(teacher));
}

const consistencySampler = (
  { type }: Stage["loss"],
  { solverSteps }: NonNullable<Stage["consistency"]>,
  noise: NoiseFields,
): Scheduler =>
  LCMScheduler.fromConfig({
    ...noise,
    original_inference_steps: solverSteps,
    prediction_type: predictionType(type),
  });
