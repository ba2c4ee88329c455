import type { Tensor } from "../../../torch/index.ts";
import * as torch from "../../../torch/index.ts";

/** LoRA initializations with the largest part of the weight itself, which is subtracted from it. */
export type PrincipalStart = "pissa" | "olora";

/**
 * What PEFT subtracts from a weight (out, in) when it adds a LoRA that was initialized from it: the r largest singular values
 * (PiSSA, Meng et al. 2024, arXiv 2404.02948), or the first r columns of its QR decomposition times the scale (OLoRA, Büyükakyüz
 * 2024, arXiv 2406.01775). PEFT `tuners/lora/layer.py` pissa_init, olora_init.
 */
export function principalPart(
  weight: Tensor,
  start: PrincipalStart,
  rank: number,
  scale: number,
): Tensor {
  return torch.noGrad(() =>
    torch.tidy(() => {
      const whole = weight.float();
      if (start === "olora") {
        const [q, r] = torch.linalgQr(whole);
        return q
          .narrow(1, 0, rank)
          .mm(r.narrow(0, 0, rank))
          .mul(scale);
      }
      const [u, s, vh] = torch.linalgSvd(whole, false);
      return u
        .narrow(1, 0, rank)
        .mul(s.narrow(0, 0, rank))
        .mm(vh.narrow(0, 0, rank));
    }),
  );
}
