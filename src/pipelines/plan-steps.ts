import { expected } from "../errors/index.ts";
import type { Scheduler } from "../schedulers/index.ts";

/** Which timesteps a sampler takes: as many as wanted, or given ones. */
export interface StepPlan {
  readonly numInferenceSteps: number;
  /** Instead of those that the sampler would choose for the number of steps. */
  readonly timesteps?: readonly number[] | undefined;
  readonly sigmas?: readonly number[] | undefined;
}

/** A copy of a sampler for one call, with its timesteps set. Throws for steps that it can't take. */
export function planSteps(
  scheduler: Scheduler,
  { numInferenceSteps, timesteps, sigmas }: StepPlan,
): Scheduler {
  const planned = scheduler.clone();
  if (timesteps !== undefined) planned.setTimesteps({ timesteps });
  else planned.setTimesteps(sigmas === undefined ? numInferenceSteps : { sigmas });
  return planned;
}

/**
 * How many of a planned sampler's first timesteps are skipped for pictures that start with the noise of `strength` (diffusers
 * `get_timesteps` of its image-to-image pipelines). Throws if no step would be left, or if the sampler can't start later.
 */
export function timestepsToSkip(
  { timesteps, order, startsLater, samplerName }: Scheduler,
  numInferenceSteps: number,
  strength: number,
): number {
  // Samplers of second order have two timesteps for each step; plms takes one more timestep than steps.
  const steps = Math.min(numInferenceSteps, Math.ceil(timesteps.length / order));
  const skipped = (steps - Math.trunc(steps * strength)) * order;
  if (timesteps[skipped] === undefined) {
    const least = Math.ceil(1 / strength);
    throw expected(
      `at least ${least} (at strength ${strength} fewer would leave no step)`,
      "numInferenceSteps",
      steps,
    );
  }
  if (skipped > 0 && !startsLater)
    throw expected("one that can start at a later step", "the sampler with image", samplerName);
  return skipped;
}
