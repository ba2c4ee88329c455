import { GroupNorm, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";

// Shapes: B batch, C channels, H height, W width, N = H·W positions.

/** Self-attention between all positions of a feature map, one head as wide as the map, with its residual. */
export class SpatialAttention extends Module {
  static override readonly keys = { toOut: "to_out.0" };

  readonly groupNorm: GroupNorm;
  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: Linear;

  constructor(channels: number, normNumGroups: number) {
    super();
    this.groupNorm = new GroupNorm(normNumGroups, channels, { eps: 1e-6 });
    this.toQ = new Linear(channels, channels);
    this.toK = new Linear(channels, channels);
    this.toV = new Linear(channels, channels);
    this.toOut = new Linear(channels, channels);
  }

  /** (B, C, H, W) → (B, C, H, W) */
  override forward(x: Tensor): Tensor {
    const h = this.groupNorm.call(x.flatten(2, 3)).transpose(1, 2); // (B, N, C)
    const q = this.toQ.call(h); // (B, N, C)
    const k = this.toK.call(h);
    const v = this.toV.call(h);
    const attended = F.attention(q, k, v, { heads: 1 }); // (B, N, C)
    const residual = this.toOut.call(attended).transpose(1, 2).reshape(x.shape); // (B, C, H, W)
    return residual.add(x);
  }
}
