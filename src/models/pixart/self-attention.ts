import { Conv2d, init, LayerNorm, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import {
  everyRowAndColumn,
  everyToken,
  type KVCompressConfig,
  type PatchGrid,
  requireDivisible,
} from "./kv-compression.ts";

// Shapes: B batch, N = h·w image tokens, L keys, s scale factor, D hidden width.

/** Options of {@link SelfAttention}. */
export interface SelfAttentionOptions {
  readonly dim: number;
  readonly heads: number;
  /** Whether queries, keys and values have a bias; the output always has one. */
  readonly bias: boolean;
  /** How keys and values are reduced; undefined for not at all. */
  readonly compression: Pick<KVCompressConfig, "sampling" | "scaleFactor"> | undefined;
  /** Whether queries and keys are normalised over all heads together. */
  readonly qkNorm: boolean;
}

/**
 * Self-attention of a picture's tokens, in PixArt-Σ with fewer keys and values (PixArt-sigma
 * `diffusion/model/nets/PixArt_blocks.py` AttentionKVCompress).
 */
export class SelfAttention extends Module {
  static override readonly keys = { toOut: "to_out.0" };

  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: Linear;
  /** One convolution and one norm compress both keys and values. */
  readonly sr: Conv2d | undefined;
  readonly norm: LayerNorm | undefined;
  readonly qNorm: LayerNorm | undefined;
  readonly kNorm: LayerNorm | undefined;
  readonly #heads: number;
  readonly #compression: SelfAttentionOptions["compression"];

  constructor({ dim, heads, bias, compression, qkNorm }: SelfAttentionOptions) {
    super();
    this.#heads = heads;
    this.#compression = compression;
    this.toQ = new Linear(dim, dim, { bias });
    this.toK = new Linear(dim, dim, { bias });
    this.toV = new Linear(dim, dim, { bias });
    this.toOut = new Linear(dim, dim);
    if (compression?.sampling === "conv") {
      const stride = compression.scaleFactor;
      this.sr = new Conv2d(dim, dim, stride, { stride, groups: dim });
      // Initialized to the mean of what it replaces, so that training can continue from existing weights.
      init.constant(1 / stride ** 2)(this.sr.weight);
      if (this.sr.bias) init.zeros(this.sr.bias);
      this.norm = new LayerNorm(dim);
    }
    this.qNorm = qkNorm ? new LayerNorm(dim) : undefined;
    this.kNorm = qkNorm ? new LayerNorm(dim) : undefined;
  }

  /** (B, N, D) → (B, N, D) */
  override forward(x: Tensor, grid: PatchGrid): Tensor {
    const projected = { q: this.toQ.call(x), k: this.toK.call(x), v: this.toV.call(x) }; // (B, N, D) each
    const q = this.qNorm?.call(projected.q) ?? projected.q; // (B, N, D)
    const k = this.#compress(this.kNorm?.call(projected.k) ?? projected.k, grid); // (B, L, D)
    const v = this.#compress(projected.v, grid); // (B, L, D)
    return this.toOut.call(F.attention(q, k, v, { heads: this.#heads }));
  }

  #compress(tokens: Tensor, grid: PatchGrid): Tensor {
    if (this.#compression === undefined) return tokens;
    requireDivisible(grid, this.#compression);
    const { sampling, scaleFactor } = this.#compression;
    if (sampling === "uniform_every") return everyToken(tokens, scaleFactor); // (B, N/s, D)
    if (this.sr === undefined || this.norm === undefined) {
      return everyRowAndColumn(tokens, grid, scaleFactor); // (B, N/s², D)
    }
    const map = tokens.transpose(1, 2).unflatten(2, [grid.h, grid.w]); // (B, D, h, w)
    return this.norm.call(this.sr.call(map).flatten(2, 3).transpose(1, 2)); // (B, N/s², D)
  }
}
