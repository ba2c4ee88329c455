import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import { f32, sqrt32 } from "./arithmetic.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";

/** One amount of noise, in the form x = α·x0 + s·ε. */
export interface NoiseLevel {
  /** α. */
  readonly alpha: number;
  /** s. */
  readonly spread: number;
}

/** A noise level with its position on the axis along which solvers integrate. */
export interface LogNoiseLevel extends NoiseLevel {
  /** λ = ln α − ln s; infinite without noise. */
  readonly lambda: number;
}

/** The float32 level at which the signal's variance is `acp` of the whole. */
export const levelOfSignal = (acp: number): NoiseLevel => ({
  alpha: sqrt32(acp),
  spread: sqrt32(f32(1 - acp)),
});

/** The signal left at the end of a zero-SNR schedule, for samplers that divide by it; as in diffusers. */
export const LEAST_SIGNAL = 2 ** -24;

/** σ = s/α of every training timestep, float32, least noisy first. */
export const trainingSigmas = (schedule: NoiseSchedule): number[] =>
  torch.tidy(() => {
    const acp = torch.tensor([...schedule.alphasCumprod]);
    return Array.from(acp.neg().add(1).div(acp).sqrt().toFloat32Array());
  });

/**
 * The meaning of a noise level σ: "preserving" is s/α with α² + s² = 1, as in training; "flow" is s with α = 1 − s; "exploding"
 * is s with α = 1 (Karras et al. 2022, arXiv 2206.00364).
 */
export type Parameterization = "preserving" | "flow" | "exploding";

function partsOf(sigma: Tensor, parameterization: Parameterization): [alpha: Tensor, s: Tensor] {
  switch (parameterization) {
    case "preserving": {
      const alpha = sigma.square().add(1).sqrt().reciprocal();
      return [alpha, sigma.mul(alpha)];
    }
    case "flow":
      return [sigma.neg().add(1), sigma];
    case "exploding":
      return [torch.onesLike(sigma), sigma];
  }
}

/** The float32 levels for σ, computed bit for bit as in diffusers. */
export function levelsOfSigmas(
  sigmas: readonly number[],
  parameterization: Parameterization = "preserving",
): LogNoiseLevel[] {
  return torch.tidy(() => {
    const [alpha, spread] = partsOf(torch.tensor([...sigmas]), parameterization);
    const lambdas = alpha.log().sub(spread.log()).toFloat32Array();
    const [alphas, spreads] = [alpha.toFloat32Array(), spread.toFloat32Array()];
    return sigmas.map((_, i) => ({
      alpha: alphas[i] ?? Number.NaN,
      spread: spreads[i] ?? Number.NaN,
      lambda: lambdas[i] ?? Number.NaN,
    }));
  });
}
