/** The learning rate over a stage: a linear warm-up from 0 over `warmupSteps`, then by `type`. */
export type LrSchedule =
  | { readonly type: "constant" | "cosine" | "linear"; readonly warmupSteps: number }
  | {
      /** PixArt-α's `cosine_decay_to_constant` (PixArt-alpha, diffusion/utils/lr_scheduler.py). */
      readonly type: "cosine-to-constant";
      readonly warmupSteps: number;
      /** Share of the steps at which the cosine ends. */
      readonly decayPortion: number;
      /** Factor on the peak rate from there on. */
      readonly finalFactor: number;
    };

/**
 * The factor on the peak rate at a step, from 0 to `totalSteps` − 1; after those it stays at its last value. Cosine and linear
 * reach 0 at `totalSteps`.
 */
export function lrFactor(schedule: LrSchedule, step: number, totalSteps: number): number {
  const { type, warmupSteps } = schedule;
  if (step < warmupSteps) return (step + 1) / warmupSteps;
  if (type === "constant") return 1;
  if (type !== "cosine-to-constant") {
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
    return type === "linear" ? 1 - progress : halfCosine(progress);
  }
  const { decayPortion, finalFactor } = schedule;
  const decaySteps = Math.trunc(totalSteps * decayPortion);
  if (step > decaySteps) return finalFactor;
  const progress = (step - warmupSteps) / Math.max(1, decaySteps - warmupSteps);
  return finalFactor + (1 - finalFactor) * halfCosine(progress);
}

/** From 1 down to 0. */
const halfCosine = (progress: number): number => 0.5 * (1 + Math.cos(Math.PI * progress));
