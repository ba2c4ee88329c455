import { f32 } from "./arithmetic.ts";
import type { RespacingConfig } from "./common-fields.ts";
import { roundHalfToEven } from "./timestep-spacing.ts";

/** The timesteps of a schedule and the noise level σ at each, noisiest first. */
export interface SigmaPlan {
  readonly timesteps: readonly number[];
  readonly sigmas: readonly number[];
}

/** How noise levels are spaced other than through the timesteps: evenly in σ^(1/7), in ln σ, or in Lu's λ. */
export type Respacing = "karras" | "exponential" | "lu";

/** Throws where the config spaces the noise levels: timesteps of one's own would have no say. */
export function refuseRespaced(
  respacing: Respacing | undefined,
  timesteps: readonly number[],
): void {
  if (respacing === undefined) return;
  throw new Error(
    `Expected a number of steps where the config spaces the noise levels but received [${timesteps}]`,
  );
}

/** The one way that a config asks for, if any. Throws where it asks for two. */
export function respacingOf(
  config: RespacingConfig & { readonly useLuLambdas?: boolean },
): Respacing | undefined {
  const wanted: [string, Respacing, boolean | undefined][] = [
    ["use_karras_sigmas", "karras", config.useKarrasSigmas],
    ["use_exponential_sigmas", "exponential", config.useExponentialSigmas],
    ["use_lu_lambdas", "lu", config.useLuLambdas],
  ];
  const on = wanted.filter(([, , isOn]) => isOn);
  if (on.length > 1) {
    const keys = on.map(([key]) => key).join(" and ");
    throw new Error(`Expected at most one spacing of noise levels but received ${keys}`);
  }
  return on[0]?.[1];
}

/**
 * `count` noise levels from `first` down to `last`. Karras et al. 2022, eq. 5, with ρ = 7; "exponential" and Lu's are
 * both even in ln σ, computed in ways that differ in the last bits.
 */
export function respaceSigmas(
  respacing: Respacing,
  count: number,
  first: number,
  last: number,
): number[] {
  const ramp = Array.from({ length: count }, (_, index) => (count === 1 ? 0 : index / (count - 1)));
  switch (respacing) {
    case "karras": {
      const [a, b] = [first ** (1 / 7), last ** (1 / 7)];
      return ramp.map((r) => (a + r * (b - a)) ** 7);
    }
    case "exponential": {
      const [a, b] = [Math.log(first), Math.log(last)];
      const step = (b - a) / (count - 1 || 1);
      return ramp.map((_, i) => Math.exp(i > 0 && i === count - 1 ? b : a + i * step));
    }
    case "lu": {
      const [a, b] = [f32(Math.log(first)), f32(Math.log(last))];
      return ramp.map((r) => Math.exp(a + r * (b - a)));
    }
  }
}

/** The timestep, fractional, at which an ascending table of noise levels reaches `sigma`, even in ln σ between its entries. */
export function timestepOfSigma(sigma: number, logSigmas: readonly number[]): number {
  const target = Math.log(Math.max(sigma, 1e-10));
  const above = logSigmas.findIndex((value) => value > target);
  const low = Math.min(
    above < 0 ? logSigmas.length - 2 : Math.max(above - 1, 0),
    logSigmas.length - 2,
  );
  const [a, b] = [logSigmas[low] ?? 0, logSigmas[low + 1] ?? 0];
  const weight = Math.min(Math.max((a - target) / f32(a - b), 0), 1);
  return (1 - weight) * low + weight * (low + 1);
}

/** Logarithms of the training noise levels, float32, for `timestepOfSigma`. */
export const logarithms = (sigmas: readonly number[]): number[] =>
  sigmas.map((sigma) => f32(Math.log(sigma)));

/** σ at timesteps that may be fractional, by interpolation of the training table. */
export function sigmasAt(timesteps: readonly number[], trainSigmas: readonly number[]): number[] {
  const last = trainSigmas.length - 1;
  return timesteps.map((timestep) => {
    const t = Math.min(Math.max(timestep, 0), last);
    const low = Math.floor(t);
    const [a, b] = [trainSigmas[low] ?? 0, trainSigmas[Math.min(low + 1, last)] ?? 0];
    return (b - a) * (t - low) + a;
  });
}

/**
 * The plan of a multistep solver: `timesteps` and their noise levels, or as many levels respaced over the whole training
 * table with the nearest integer timesteps below or about them.
 */
export function planSigmas(
  timesteps: readonly number[],
  count: number,
  trainSigmas: readonly number[],
  respacing: Respacing | undefined,
): SigmaPlan {
  if (respacing === undefined) return { timesteps, sigmas: sigmasAt(timesteps, trainSigmas) };
  const sigmas = respaceSigmas(respacing, count, trainSigmas.at(-1) ?? 0, trainSigmas[0] ?? 0);
  const logSigmas = logarithms(trainSigmas);
  // diffusers rounds the timesteps of some spacings and cuts off the fraction of others.
  const integer = respacing === "exponential" ? Math.trunc : roundHalfToEven;
  return {
    timesteps: sigmas.map((sigma) => integer(timestepOfSigma(sigma, logSigmas))),
    sigmas,
  };
}
