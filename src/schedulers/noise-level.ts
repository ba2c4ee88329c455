import * as torch from "../torch/index.ts";
import { f32, sqrt32 } from "./arithmetic.ts";
import type { NoiseSchedule } from "./noise-schedule.ts";

/** One amount of noise, in the form x = α·x0 + s·ε. */
export interface NoiseLevel {
  /** α. */
  readonly alpha: number;
  /** s. */
  readonly spread: number;
}

/** A noise level with its place on the axis along which solvers integrate. */
export interface LogNoiseLevel extends NoiseLevel {
  /** λ = ln α − ln s; infinite without noise. */
  readonly lambda: number;
}

/** The float32 level at which the signal's variance is `acp` of the whole. */
export const levelOfSignal = (acp: number): NoiseLevel => ({
  alpha: sqrt32(acp),
  spread: sqrt32(f32(1 - acp)),
});

/** σ = s/α of every training timestep, float32, least noisy first. */
export const trainingSigmas = (schedule: NoiseSchedule): number[] =>
  torch.tidy(() => {
    const acp = torch.tensor([...schedule.alphasCumprod]);
    return Array.from(acp.neg().add(1).div(acp).sqrt().toFloat32Array());
  });

/** The float32 levels of noise σ = s/α, to the bit as diffusers computes them. */
export function levelsOfSigmas(sigmas: readonly number[]): LogNoiseLevel[] {
  return torch.tidy(() => {
    const sigma = torch.tensor([...sigmas]);
    const alpha = sigma.square().add(1).sqrt().reciprocal();
    const spread = sigma.mul(alpha);
    const lambdas = alpha.log().sub(spread.log()).toFloat32Array();
    const [alphas, spreads] = [alpha.toFloat32Array(), spread.toFloat32Array()];
    return sigmas.map((_, i) => ({
      alpha: alphas[i] ?? Number.NaN,
      spread: spreads[i] ?? Number.NaN,
      lambda: lambdas[i] ?? Number.NaN,
    }));
  });
}
