import { InvalidStateError } from "../../errors/index.ts";
import { keep, type Tensor } from "../../torch/index.ts";
import { chunk } from "../chunk.ts";

// Shapes: B batch, N image tokens, D hidden width.

/** What to do with the outputs of one kind of attention, in all blocks, during one call of a transformer. */
export interface AttentionUse {
  /** Use the kept outputs and compute nothing. */
  readonly reuse: boolean;
  /** Keep the computed outputs for later calls. */
  readonly keep: boolean;
}

/** What one call of a transformer does with its attentions. */
export interface AttentionPlan {
  readonly self: AttentionUse;
  readonly cross: AttentionUse;
  /** Keep the mean of a batch's two halves, for batches of half the size. */
  readonly halvesBecomeOne: boolean;
}

/** Attention outputs that are reused at later steps of a picture, as in T-GATE (arXiv 2404.02747). */
export class AttentionCache implements Disposable {
  /** Plan of the next call. */
  plan: AttentionPlan | undefined;
  readonly #outputs = new Map<string, Tensor>(); // (B, N, D)

  /** The attention output of a block: computed by `compute`, or the kept one. */
  attend(kind: "self" | "cross", block: number, compute: () => Tensor): Tensor {
    const { plan } = this;
    if (plan === undefined) return compute();
    const key = `${kind} ${block}`;
    if (plan[kind].reuse) {
      const kept = this.#outputs.get(key);
      if (kept === undefined)
        throw new InvalidStateError(
          `Expected the stored ${kind}-attention of block ${block} but found none`,
        );
      return kept;
    }
    const output = compute();
    if (plan[kind].keep) {
      this.#outputs.get(key)?.dispose();
      this.#outputs.set(key, keep(plan.halvesBecomeOne ? meanOfHalves(output) : output.detach()));
    }
    return output;
  }

  [Symbol.dispose](): void {
    for (const output of this.#outputs.values()) output.dispose();
    this.#outputs.clear();
  }
}

/** (2B, N, D) → (B, N, D) */
function meanOfHalves(output: Tensor): Tensor {
  const [first, second] = chunk(output, 2, 0);
  return first.add(second).div(2);
}
