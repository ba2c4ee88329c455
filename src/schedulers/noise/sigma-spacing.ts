import { InvalidValueError } from "../../errors/index.ts";
import type { FlowConfig, RespacingConfig } from "../config/common-fields.ts";
import { f32 } from "./arithmetic.ts";
import { betaQuantile } from "./beta-quantile.ts";
import { roundHalfToEven } from "./timestep-spacing.ts";

/** The timesteps of a schedule and the noise level σ at each, noisiest first. */
export interface SigmaPlan {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
}

/**
 * Ways to space noise levels independently of the timesteps: evenly in σ^(1/7), in ln σ, in Lu's λ, or by a beta distribution.
 */
export type Respacing = "karras" | "exponential" | "beta" | "lu";

/** The config fields that affect the noise levels. */
export type NoiseLevelConfig = RespacingConfig &
  Partial<Pick<FlowConfig, "useFlowSigmas">> & { readonly useLuLambdas?: boolean };

/** Throws if the config spaces the noise levels, because custom timesteps would have no effect. */
export function refuseRespaced(spaced: boolean, timesteps: readonly number[]): void {
  if (!spaced) return;
  throw new InvalidValueError(
    `Expected a number of steps where the config spaces the noise levels but received [${timesteps}]`,
  );
}

/** The one spacing that a config selects, if any. Throws if it selects two. */
export function respacingOf(config: NoiseLevelConfig): Respacing | undefined {
  const wanted: [string, Respacing | undefined, boolean | undefined][] = [
    ["use_karras_sigmas", "karras", config.useKarrasSigmas],
    ["use_exponential_sigmas", "exponential", config.useExponentialSigmas],
    ["use_beta_sigmas", "beta", config.useBetaSigmas],
    ["use_lu_lambdas", "lu", config.useLuLambdas],
    ["use_flow_sigmas", undefined, config.useFlowSigmas],
  ];
  const on = wanted.filter(([, , isOn]) => isOn);
  if (on.length > 1) {
    const keys = on.map(([key]) => key).join(" and ");
    throw new InvalidValueError(
      `Expected at most one spacing of noise levels but received ${keys}`,
    );
  }
  return on[0]?.[1];
}

/**
 * `count` noise levels from `first` down to `last`. Karras et al. 2022, eq. 5, with ρ = 7; "exponential" and Lu's are both evenly
 * spaced in ln σ, but differ in the last bits; "beta" is Lee et al. 2024, arXiv 2407.12173.
 */
export function respaceSigmas(
  respacing: Respacing,
  count: number,
  first: number,
  last: number,
): number[] {
  const ramp = Array.from({ length: count }, (_, index) => (count === 1 ? 0 : index / (count - 1)));
  switch (respacing) {
    case "karras":
      return karrasSigmas(ramp, first, last, 7);
    case "exponential":
      return spacedEvenly(Math.log(first), Math.log(last), count).map(Math.exp);
    case "beta":
      return ramp.map((r) => last + betaQuantile(1 - r, 0.6, 0.6) * (first - last));
    case "lu": {
      const [a, b] = [f32(Math.log(first)), f32(Math.log(last))];
      return ramp.map((r) => Math.exp(a + r * (b - a)));
    }
  }
}

/** Noise levels from `first` to `last`, evenly spaced in σ^(1/ρ), at the positions `ramp` from 0 to 1. */
export function karrasSigmas(
  ramp: readonly number[],
  first: number,
  last: number,
  rho: number,
): number[] {
  const [a, b] = [first ** (1 / rho), last ** (1 / rho)];
  return ramp.map((r) => (a + r * (b - a)) ** rho);
}

/** `count` numbers from `first` to exactly `last`, as NumPy's linspace computes them. */
export function spacedEvenly(first: number, last: number, count: number): number[] {
  const step = (last - first) / (count - 1 || 1);
  return Array.from({ length: count }, (_, i) =>
    i > 0 && i === count - 1 ? last : first + i * step,
  );
}

/**
 * The fractional timestep at which a table of noise levels reaches `sigma`, interpolated linearly in ln σ. The table ascends, but may
 * end below its highest level, which zero terminal SNR clamps.
 */
export function timestepOfSigma(sigma: number, logSigmas: readonly number[]): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  const below = logSigmas.findLastIndex((value) => value <= target);
  const low = Math.min(Math.max(below, 0), logSigmas.length - 2);
  const [a, b] = [logSigmas[low] ?? 0, logSigmas[low + 1] ?? 0];
  const weight = Math.min(Math.max((a - target) / f32(a - b), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** Logarithms of the training noise levels, float32, for `timestepOfSigma`. */
export const logarithms = (sigmas: readonly number[]): number[] =>
  sigmas.map((sigma) => f32(Math.log(sigma)));

/** σ at possibly fractional timesteps, interpolated from the training table. */
export function sigmasAt(timesteps: readonly number[], trainSigmas: readonly number[]): number[] {
  const last = trainSigmas.length - 1;
  return timesteps.map((timestep) => {
    const t = Math.min(Math.max(timestep, 0), last);
    const low = Math.floor(t);
    const [a, b] = [trainSigmas[low] ?? 0, trainSigmas[Math.min(low + 1, last)] ?? 0];
    return (b - a) * (t - low) + a;
  });
}

/** `count` noise levels of a multistep solver, respaced over `range`, with the nearby integer training timesteps. */
export function planRespaced(
  respacing: Respacing,
  count: number,
  [first, last]: readonly [first: number, last: number],
  trainSigmas: readonly number[],
  round: (timestep: number) => number,
): SigmaPlan {
  const sigmas = respaceSigmas(respacing, count, first, last);
  const logSigmas = logarithms(trainSigmas);
  return { timesteps: sigmas.map((sigma) => round(timestepOfSigma(sigma, logSigmas))), sigmas };
}

/** How diffusers makes a respaced timestep an integer: it rounds for some spacings and truncates for others. */
export const roundingOf = (respacing: Respacing): ((timestep: number) => number) =>
  respacing === "exponential" || respacing === "beta" ? Math.trunc : roundHalfToEven;

/** `count` noise levels of a flow from pure noise to almost none, shifted towards the noise, with their timesteps. */
export function planFlow(count: number, numTrainTimesteps: number, shift: number): SigmaPlan {
  const sigmas = spacedEvenly(1, 1 / numTrainTimesteps, count + 1)
    .map((left) => shiftedFlow(1 - left, shift))
    .slice(1)
    .reverse();
  return { timesteps: sigmas.map((sigma) => Math.trunc(sigma * numTrainTimesteps)), sigmas };
}

/**
 * Shifts a flow's noise level towards the noise, or away from it if the shift is below 1 (Esser et al. 2024, arXiv 2403.03206,
 * eq. 23).
 */
export const shiftedFlow = (sigma: number, shift: number): number =>
  (shift * sigma) / (1 + (shift - 1) * sigma);
