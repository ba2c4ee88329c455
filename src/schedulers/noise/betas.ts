import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { BetaSchedule } from "../config/common-fields.ts";
import { f32 } from "./arithmetic.ts";

/** The options that determine β of each training timestep. */
export interface BetaOptions {
  readonly betaStart: number;
  readonly betaEnd: number;
  readonly numTrainTimesteps: number;
  readonly betaSchedule: BetaSchedule;
}

/** The float32 β of a schedule, as diffusers computes them (schedulers/scheduling_ddpm.py), least noisy first. */
export function betasOf({
  betaStart,
  betaEnd,
  numTrainTimesteps: count,
  betaSchedule,
}: BetaOptions): Tensor {
  const line = (first: number, last: number): Tensor =>
    torch.linspace(first, last, count, { dtype: "float32" });
  switch (betaSchedule) {
    case "linear":
      return line(betaStart, betaEnd);
    case "scaled_linear":
      return line(betaStart ** 0.5, betaEnd ** 0.5).square();
    case "sigmoid":
      return line(-6, 6)
        .sigmoid()
        .mul(betaEnd - betaStart)
        .add(betaStart);
    case "squaredcos_cap_v2":
      return betasForSignal((t) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2, count);
    case "exp":
      return betasForSignal((t) => Math.exp(t * -12), count);
    case "laplace":
      return betasForSignal(laplace, count);
  }
}

/** The remaining signal at time t in the Laplace schedule (Hang and Gu 2024, arXiv 2407.03297), as in diffusers. */
function laplace(t: number): number {
  const side = 0.5 - t < 0 ? -1 : 1;
  const lambda = -0.5 * side * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6);
  const snr = Math.exp(lambda);
  return Math.sqrt(snr / (1 + snr));
}

/** β such that the remaining signal follows `signal` from t = 0 to 1, at most 0.999. */
function betasForSignal(signal: (t: number) => number, count: number): Tensor {
  const betas = Array.from({ length: count }, (_, i) =>
    Math.min(1 - signal((i + 1) / count) / signal(i / count), 0.999),
  );
  return torch.tensor(betas, { dtype: "float32" });
}

/** β rescaled so that the last timestep is pure noise (Lin et al. 2024, arXiv 2305.08891, algorithm 1), float32. */
export function rescaledToZeroSnr(betas: Tensor): Tensor {
  const roots = Array.from(betas.neg().add(1).cumprod(0).sqrt().toFloat32Array());
  const [first = 1, last = 0] = [roots[0], roots.at(-1)];
  const stretch = f32(first / f32(first - last));
  const signals = roots
    .map((root) => f32(f32(root - last) * stretch))
    .map((root) => f32(root * root));
  return torch.tensor(
    signals.map((signal, i) => f32(1 - f32(signal / (signals[i - 1] ?? 1)))),
    { dtype: "float32" },
  );
}
