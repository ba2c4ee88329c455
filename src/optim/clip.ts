import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/** The joint L2 norm of the gradients of `parameters`; 0 if none has one. */
export function gradNorm(parameters: readonly Tensor[]): number {
  return torch.noGrad(() => torch.tidy(() => torch.totalNorm(gradientsOf(parameters)).item()));
}

/** The factor on gradients of this norm that makes it at most `maxNorm`; 1 if the norm is not finite. */
export function clipScale(norm: number, maxNorm: number): number {
  if (!Number.isFinite(norm)) return 1;
  // Rounded as in `torch.nn.utils.clip_grad_norm_`: all in float32.
  const inverse = Math.fround(1 / Math.fround(norm + 1e-6));
  return Math.min(Math.fround(inverse * Math.fround(maxNorm)), 1);
}

/**
 * Scales gradients in place so that their joint L2 norm is at most `maxNorm`, as `torch.nn.utils.clip_grad_norm_` does.
 * Returns the norm before scaling; a norm that is not finite leaves the gradients as they are.
 */
export function clipGradNorm_(parameters: readonly Tensor[], maxNorm: number): number {
  const norm = gradNorm(parameters);
  const scale = clipScale(norm, maxNorm);
  if (scale !== 1 && norm > 0)
    torch.noGrad(() => torch.tidy(() => torch.foreachMul_(gradientsOf(parameters), scale)));
  return norm;
}

const gradientsOf = (parameters: readonly Tensor[]): Tensor[] =>
  parameters.flatMap((parameter) => parameter.grad ?? []);
