import { LayerNorm, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import { Attention } from "../attention.ts";
import { chunk } from "../chunk.ts";
import { FeedForward, type FeedForwardActivation } from "../feed-forward.ts";

// Shapes: B batch, N image tokens, D hidden width.

/** adaLN-Zero: the block's own modulation layer, and the norm before attention. */
export class AdaLayerNormZero extends Module {
  readonly linear: Linear;
  readonly norm: LayerNorm;

  constructor(dim: number) {
    super();
    this.linear = new Linear(dim, 6 * dim);
    this.norm = new LayerNorm(dim, { affine: false, eps: 1e-6 });
  }

  /** (B, D) → (B, 6, D) */
  override forward(condition: Tensor): Tensor {
    return this.linear.call(F.silu(condition)).reshape([condition.size(0), 6, -1]);
  }
}

export interface DiTBlockOptions {
  readonly dim: number;
  readonly heads: number;
  readonly attentionBias: boolean;
  readonly activation: FeedForwardActivation;
  /** Width inside the MLP, relative to `dim`. */
  readonly mlpRatio: number;
  /** Of the norm before the MLP; the other is fixed. */
  readonly affine: boolean;
  /** Of the norm before the MLP; the other is fixed. */
  readonly eps: number;
}

/** Self-attention and an MLP, modulated by adaLN-Zero (arXiv 2212.09748 figure 3). */
export class DiTBlock extends Module {
  readonly norm1: AdaLayerNormZero;
  readonly attn1: Attention;
  readonly norm3: LayerNorm;
  readonly ff: FeedForward;

  constructor(options: DiTBlockOptions) {
    super();
    const { dim, heads, attentionBias: bias, activation, mlpRatio, affine, eps } = options;
    this.norm1 = new AdaLayerNormZero(dim);
    this.attn1 = new Attention({ dim, heads, bias });
    this.norm3 = new LayerNorm(dim, { affine, eps });
    this.ff = new FeedForward(dim, activation, mlpRatio);
  }

  /**
   * @param x         (B, N, D) image tokens
   * @param condition (B, D) embedded time and class
   */
  override forward(x: Tensor, condition: Tensor): Tensor {
    const modulation = this.norm1.call(condition); // (B, 6, D)
    const [shift1, scale1, gate1, shift2, scale2, gate2] = chunk(modulation, 6, 1); // (B, 1, D) each
    const attended = this.attn1.call(this.norm1.norm.modulated(x, shift1, scale1)); // (B, N, D)
    const mixed = F.gatedResidual(x, gate1, attended); // (B, N, D)
    const fed = this.ff.call(this.norm3.modulated(mixed, shift2, scale2)); // (B, N, D)
    return F.gatedResidual(mixed, gate2, fed); // (B, N, D)
  }
}
