import type { Tensor } from "../torch/index.ts";
import * as torch from "../torch/index.ts";

/**
 * Scales gradients in place so that their joint L2 norm is at most `maxNorm`, as `torch.nn.utils.clip_grad_norm_` does.
 * Returns the norm before scaling; a norm that is not finite leaves the gradients as they are.
 */
export function clipGradNorm_(parameters: readonly Tensor[], maxNorm: number): number {
  return torch.noGrad(() =>
    torch.tidy(() => {
      const gradients = parameters.flatMap((p) => p.grad ?? []);
      if (gradients.length === 0) return 0;
      const norm = torch.stack(torch.foreachNorm(gradients)).norm();
      const total = norm.item();
      if (!Number.isFinite(total)) return total;
      const factor = norm.add(1e-6).reciprocal().mul(maxNorm).clamp({ max: 1 });
      torch.foreachMul_(gradients, factor);
      return total;
    }),
  );
}
