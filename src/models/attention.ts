import { Linear, Module } from "../nn/index.ts";
import { functional as F, Tensor } from "../torch/index.ts";

// Shapes: B batch, N queries, L keys, D width, M heads, E = D/M width of a head.

export interface AttentionOptions {
  readonly dim: number;
  readonly heads: number;
  /** Width of the context; `dim` where it is left out. */
  readonly contextDim?: number;
  /** Whether queries, keys and values have a bias; the output always has one. */
  readonly bias: boolean;
}

/** Multi-head attention of tokens to themselves or to a context, under diffusers' names. */
export class Attention extends Module {
  static override readonly keys = { toOut: "to_out.0" };

  readonly toQ: Linear;
  readonly toK: Linear;
  readonly toV: Linear;
  readonly toOut: Linear;
  readonly #heads: number;

  constructor({ dim, heads, contextDim = dim, bias }: AttentionOptions) {
    super();
    this.#heads = heads;
    this.toQ = new Linear(dim, dim, { bias });
    this.toK = new Linear(contextDim, dim, { bias });
    this.toV = new Linear(contextDim, dim, { bias });
    this.toOut = new Linear(dim, dim);
  }

  /**
   * @param x       (B, N, D)
   * @param context (B, L, contextDim), or its {@link contextKeys}; `x` where it is left out
   * @param bias    added to the logits, broadcast to (B, M, N, L)
   * @returns       (B, N, D)
   */
  override forward(x: Tensor, context: Tensor | ContextKeys = x, bias?: Tensor): Tensor {
    const q = this.toQ.call(x); // (B, N, D)
    const { keys, values } = context instanceof Tensor ? this.contextKeys(context) : context;
    const attended = F.attention(q, keys, values, { mask: bias, heads: this.#heads }); // (B, N, D)
    return this.toOut.call(attended);
  }

  /** What attention to a context (B, L, contextDim) takes of it. */
  contextKeys(context: Tensor): ContextKeys {
    return { keys: this.toK.call(context), values: this.toV.call(context) };
  }
}

/** A context's keys and values, (B, L, D) each. */
export interface ContextKeys {
  readonly keys: Tensor;
  readonly values: Tensor;
}
