import { InvalidValueError } from "../../errors/index.ts";
import { init, LayerNorm, Module } from "../../nn/index.ts";
import { checkpoint, functional as F, Tensor } from "../../torch/index.ts";
import { Attention, type ContextKeys } from "../attention.ts";
import { chunk } from "../chunk.ts";
import { FeedForward, type FeedForwardActivation } from "../feed-forward.ts";
import type { PatchGrid } from "./kv-compression.ts";
import { SelfAttention, type SelfAttentionOptions } from "./self-attention.ts";

// Shapes: B batch, N image tokens, L caption tokens, D hidden width.

export interface PixArtBlockOptions {
  readonly dim: number;
  readonly heads: number;
  /** Width of the caption tokens. */
  readonly contextDim: number;
  readonly attentionBias: boolean;
  readonly activation: FeedForwardActivation;
  /** Width inside the MLP, relative to `dim`. */
  readonly mlpRatio: number;
  readonly affine: boolean;
  readonly eps: number;
  /** How this block's self-attention reduces keys and values; undefined for not at all. */
  readonly compression: SelfAttentionOptions["compression"];
  readonly qkNorm: boolean;
}

/** Inputs that are the same for all blocks. */
export interface BlockConditions {
  /** (B, L, contextDim), or its keys and values for this block */
  readonly caption: Tensor | ContextKeys;
  /** (B, 6, D) */
  readonly modulation: Tensor;
  /** (B, 1, 1, L) or (B, 1, N, L), added to the logits of the caption tokens */
  readonly maskBias: Tensor | undefined;
  readonly grid: PatchGrid;
  /** Decides whether an attention is computed; if undefined, all are. */
  readonly attend?: BlockAttention | undefined;
}

/** As {@link AttentionCache.attend}, for one block. */
export type BlockAttention = (kind: "self" | "cross", compute: () => Tensor) => Tensor;

const computed: BlockAttention = (_, compute) => compute();

/** Self-attention, cross-attention to the caption and an MLP, modulated by adaLN-single (paper figure 4). */
export class PixArtBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn1: SelfAttention;
  readonly attn2: Attention;
  readonly norm2: LayerNorm;
  readonly ff: FeedForward;
  readonly scaleShiftTable: Tensor; // (6, D): this block's offset to the shared modulation

  constructor(options: PixArtBlockOptions) {
    super();
    const { dim, heads, contextDim, attentionBias: bias, activation, affine, eps } = options;
    const { compression, qkNorm, mlpRatio } = options;
    this.norm1 = new LayerNorm(dim, { affine, eps });
    this.attn1 = new SelfAttention({ dim, heads, bias, compression, qkNorm });
    this.attn2 = new Attention({ dim, heads, contextDim, bias });
    this.norm2 = new LayerNorm(dim, { affine, eps });
    this.ff = new FeedForward(dim, activation, mlpRatio);
    this.scaleShiftTable = this.parameter([6, dim], init.normal(dim ** -0.5));
  }

  /** Image tokens (B, N, D) → (B, N, D) */
  override forward(x: Tensor, conditions: BlockConditions): Tensor {
    const { caption, modulation, maskBias, grid, attend = computed } = conditions;
    const [shift1, scale1, gate1, shift2, scale2, gate2] = chunk(
      this.scaleShiftTable.add(modulation), // (B, 6, D)
      6,
      1,
    ); // (B, 1, D) each
    const attended = attend("self", () =>
      this.attn1.call(this.norm1.modulated(x, shift1, scale1), grid),
    ); // (B, N, D)
    const image = F.gatedResidual(x, gate1, attended); // (B, N, D)
    // The caption is added as a bare residual: no norm, no modulation and no gate.
    const fromCaption = attend("cross", () => this.attn2.call(image, caption, maskBias)); // (B, N, D)
    const informed = image.add(fromCaption); // (B, N, D)
    const fed = this.ff.call(this.norm2.modulated(informed, shift2, scale2)); // (B, N, D)
    return F.gatedResidual(informed, gate2, fed); // (B, N, D)
  }
}

/**
 * Runs a block on image tokens (B, N, D); with `checkpointing` it is recomputed in backward instead of keeping its activations.
 */
export function runBlock(
  block: PixArtBlock,
  x: Tensor,
  conditions: BlockConditions,
  checkpointing: boolean,
): Tensor {
  const { caption, modulation, maskBias, grid, attend } = conditions;
  // Prepared keys and values are for drawing, not for training.
  if (!checkpointing || !(caption instanceof Tensor)) return block.call(x, conditions);
  if (attend !== undefined)
    throw new InvalidValueError(
      "Expected no attentionCache with gradient checkpointing but received one",
    );
  return checkpoint(
    (image, text, shared, mask) =>
      block.call(image, { caption: text, modulation: shared, maskBias: mask, grid }),
    [x, caption, modulation, ...(maskBias === undefined ? [] : [maskBias])],
  );
}
