/** How the learning rate runs over a stage. */
export interface LrSchedule {
  readonly type: "constant" | "cosine" | "linear";
  /** Steps over which the rate rises linearly from 0. */
  readonly warmupSteps: number;
}

/** The factor on the peak rate at a step (0-based) of `totalSteps`. Cosine and linear end at 0. */
export function lrFactor(
  { type, warmupSteps }: LrSchedule,
  step: number,
  totalSteps: number,
): number {
  if (step < warmupSteps) return (step + 1) / warmupSteps;
  if (type === "constant") return 1;
  const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
  return type === "linear" ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
}
