import { expected } from "../../errors/index.ts";
import type { ScheduleConfig, SpacingConfig } from "../config/common-fields.ts";
import { f32 } from "./arithmetic.ts";

type Spacing = SpacingConfig & Pick<ScheduleConfig, "numTrainTimesteps">;

/** The error for more steps than a sampler has timesteps for; `what` describes the `most` available ones. */
export const tooManySteps = (most: number, count: number, what?: string): RangeError =>
  expected(`at most ${most}${what === undefined ? "" : ` (${what})`}`, "numInferenceSteps", count);

/** Rounds to the nearest integer, halves to the even one, as NumPy does. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * `count` integer timesteps, noisiest first, of the noisiest `last` training timesteps, for solvers that end at zero noise after
 * the last of them: Table 2 of "Common Diffusion Noise Schedules and Sample Steps are Flawed" (Lin et al. 2024), with NumPy's
 * rounding.
 */
export function spaceTimesteps(count: number, last: number, spacing: Spacing): number[] {
  // With more steps, timesteps would repeat, and multistep solvers divide by the distance between two of them.
  const isTrailing = spacing.timestepSpacing === "trailing";
  const [most, what] = isTrailing
    ? [spacing.numTrainTimesteps, "the training timesteps"]
    : [last - 1, "one less than the training timesteps"];
  if (count > Math.max(1, most)) throw tooManySteps(most, count, what);
  const descending = Array.from({ length: count }, (_, index) => count - index);
  switch (spacing.timestepSpacing) {
    case "linspace": {
      const step = (last - 1) / count;
      return descending.map((i) => (i === count ? last - 1 : roundHalfToEven(i * step)));
    }
    case "leading": {
      const step = Math.floor(last / (count + 1));
      return descending.map((i) => i * step + spacing.stepsOffset);
    }
    case "trailing":
      return trailing(count, last, spacing);
  }
}

/** The same for samplers whose linspace and leading steps reach timestep 0. Linspace steps may be fractional. */
export function spaceTimestepsToZero(count: number, spacing: Spacing): number[] {
  const { numTrainTimesteps: total, stepsOffset } = spacing;
  const descending = Array.from({ length: count }, (_, index) => count - 1 - index);
  switch (spacing.timestepSpacing) {
    case "linspace":
      return descending.map((i) =>
        i > 0 && i === count - 1 ? total - 1 : i * ((total - 1) / (count - 1 || 1)),
      );
    case "leading": {
      if (count > total) throw tooManySteps(total, count, "the training timesteps");
      const step = Math.floor(total / count);
      return descending.map((i) => i * step + stepsOffset);
    }
    case "trailing":
      return trailing(count, total, spacing);
  }
}

function trailing(count: number, last: number, { numTrainTimesteps }: Spacing): number[] {
  const step = numTrainTimesteps / count;
  return Array.from({ length: count }, (_, i) => roundHalfToEven(last - i * step) - 1).filter(
    (timestep) => timestep >= 0,
  );
}

/** As `spaceTimestepsToZero`, in integers. Throws for more steps than training timesteps. */
export function spaceIntegers(count: number, spacing: Spacing): number[] {
  const most = spacing.numTrainTimesteps;
  if (count > most) {
    throw tooManySteps(most, count, "the training timesteps");
  }
  return spaceTimestepsToZero(count, spacing).map(roundHalfToEven);
}

/** As `spaceTimestepsToZero`, in float32 like diffusers' samplers over σ. */
export const spaceFloats = (count: number, spacing: Spacing): number[] =>
  spaceTimestepsToZero(count, spacing).map(f32);

/** `count` of the `original` timesteps of the solver that a consistency model was distilled from. */
export function spaceDistilled(
  count: number,
  original: number,
  numTrainTimesteps: number,
): number[] {
  if (count > original) {
    throw expected(`at most ${original} (original_inference_steps)`, "numInferenceSteps", count);
  }
  const stride = Math.floor(numTrainTimesteps / original);
  const step = original / count;
  return Array.from({ length: count }, (_, i) => (original - Math.floor(i * step)) * stride - 1);
}
