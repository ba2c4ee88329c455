import type { DPMSolverMultistepConfig } from "./dpm-solver-config.ts";

/** Rounds to the nearest integer, halves to the even one, as NumPy does. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * `count` integer timesteps, noisiest first, of the noisiest `last` training timesteps: Table 2 of
 * "Common Diffusion Noise Schedules and Sample Steps are Flawed" (Lin et al. 2024), with NumPy's rounding.
 */
export function spaceTimesteps(
  count: number,
  last: number,
  {
    timestepSpacing,
    stepsOffset,
    numTrainTimesteps,
  }: Pick<DPMSolverMultistepConfig, "timestepSpacing" | "stepsOffset" | "numTrainTimesteps">,
): number[] {
  const descending = Array.from({ length: count }, (_, index) => count - index);
  switch (timestepSpacing) {
    case "linspace": {
      const step = (last - 1) / count;
      return descending.map((i) => (i === count ? last - 1 : roundHalfToEven(i * step)));
    }
    case "leading": {
      const step = Math.floor(last / (count + 1));
      return descending.map((i) => i * step + stepsOffset);
    }
    case "trailing": {
      const step = numTrainTimesteps / count;
      return descending
        .map((_, i) => roundHalfToEven(last - i * step) - 1)
        .filter((timestep) => timestep >= 0);
    }
  }
}

/** `count` noise levels from `sigmaMax` to `sigmaMin`, evenly spaced in σ^(1/7) (Karras et al. 2022, eq. 5). */
export function karrasSigmas(count: number, sigmaMin: number, sigmaMax: number): number[] {
  const rho = 7;
  const first = sigmaMax ** (1 / rho);
  const last = sigmaMin ** (1 / rho);
  return Array.from({ length: count }, (_, index) => {
    const ramp = count === 1 ? 0 : index / (count - 1);
    return (first + ramp * (last - first)) ** rho;
  });
}

/** The timestep, fractional, at which an ascending table of log noise levels reaches `sigma`. */
export function timestepOfSigma(sigma: number, logSigmas: readonly number[]): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  const above = logSigmas.findIndex((value) => value > target);
  const low = Math.min(
    above < 0 ? logSigmas.length - 2 : Math.max(above - 1, 0),
    logSigmas.length - 2,
  );
  const [a, b] = [logSigmas[low] ?? 0, logSigmas[low + 1] ?? 0];
  const weight = Math.min(Math.max((a - target) / (a - b), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}
