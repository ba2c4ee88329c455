import { Linear, Module } from "../nn/index.ts";
import { cat, functional as F, Tensor } from "../torch/index.ts";

// Shapes: B batch, N queries, L keys, D width, M heads, E = D/M width of a head.

export interface AttentionOptions {
  readonly dim: number;
  readonly heads: number;
  /** Width of the context. Default: `dim`. */
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
   * @param context (B, L, contextDim), or its {@link contextKeys}; default `x`
   * @param bias    added to the logits, broadcast to (B, M, N, L)
   * @returns       (B, N, D)
   */
  override forward(x: Tensor, context: Tensor | ContextKeys = x, bias?: Tensor): Tensor {
    if (context instanceof Tensor) return this.#attend(x, this.contextKeys(context), bias);
    const { constant, isPadded } = context;
    const mask = isPadded ? bias : undefined;
    if (constant === undefined) return this.#attend(x, context, mask);
    const [alone, rest] = [constant.size(0), x.size(0) - constant.size(0)];
    const same = constant.expand([-1, x.size(1), -1]); // (A, N, D)
    if (rest === 0) return same;
    const maskOfRest = mask && mask.size(0) > 1 ? mask.narrow(0, alone, rest) : mask;
    return cat([same, this.#attend(x.narrow(0, alone, rest), context, maskOfRest)]);
  }

  #attend(x: Tensor, { keys, values }: ContextKeys, mask: Tensor | undefined): Tensor {
    const q = this.toQ.call(x); // (B, N, D)
    return this.toOut.call(F.attention(q, keys, values, { mask, heads: this.#heads })); // (B, N, D)
  }

  /** What attention needs of a context (B, L, contextDim), given which tokens its mask keeps. */
  contextKeys(context: Tensor, { alone, isPadded }: ContextMask = NO_CONTEXT_MASK): ContextKeys {
    const values = this.toV.call(context); // (B, L, D)
    if (alone === 0) return { keys: this.toK.call(context), values, isPadded };
    const rest = context.size(0) - alone;
    const valuesOfRest = values.narrow(0, alone, rest); // (R, L, D)
    return {
      keys: rest === 0 ? valuesOfRest : this.toK.call(context.narrow(0, alone, rest)),
      values: valuesOfRest,
      // Their attention weights are 1, whatever the queries are.
      constant: this.toOut.call(values.narrow(0, 0, alone).narrow(1, 0, 1)),
      isPadded,
    };
  }
}

/** Known facts about a context's mask. */
export interface ContextMask {
  /** Number of leading rows that attend only to their first token. */
  readonly alone: number;
  /** Whether any of the other rows masks tokens. */
  readonly isPadded: boolean;
}

const NO_CONTEXT_MASK: ContextMask = { alone: 0, isPadded: true };

/** Reads a mask (B, L) with 1 for tokens and 0 for padding. */
export function contextMask(mask: Tensor): ContextMask {
  const rows = mask.to({ dtype: "float32" }).tolist() as number[][];
  const others = rows.findIndex((row) => row[0] !== 1 || row.indexOf(1, 1) !== -1);
  const alone = others === -1 ? rows.length : others;
  return { alone, isPadded: rows.slice(alone).some((row) => row.some((one) => one !== 1)) };
}

/** A context's keys and values, (R, L, D) each: those of the last R of B rows. */
export interface ContextKeys {
  readonly keys: Tensor;
  readonly values: Tensor;
  /** (B − R, 1, D): the attention output of the other rows, which see only one token. */
  readonly constant?: Tensor;
  /** Whether the last R rows need their mask; if not, a mask passed later is ignored. */
  readonly isPadded: boolean;
}
