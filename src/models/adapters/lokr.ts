import { init, type ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { LoKrConfig } from "./config.ts";
import { type AdapterState, AddedPart, type PartPlan, type TensorPlan } from "./part.ts";
import { valueFor } from "./targets.ts";

/** scale · W₁ ⊗ W₂, added to the weight; each of the two whole or a product of two factors. */
class LoKrPart extends AddedPart {
  readonly #alphaOverRank: number;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, alphaOverRank: number) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
  }

  #matrix(key: string): Tensor {
    return this.has(key) ? this.tensor(key) : this.tensor(`${key}_a`).mm(this.tensor(`${key}_b`));
  }

  protected override delta(): Tensor {
    return torch
      .kron(this.#matrix("lokr_w1"), this.#matrix("lokr_w2"))
      .mul(this.#alphaOverRank * this.state.scale);
  }
}

/**
 * Two factors of a number, the smaller first: `factor` and the rest where it divides, else the pair nearest to the square
 * root with a first step of at most `factor` (PEFT `tuners/lokr/layer.py` factorization).
 */
export function factorization(size: number, factor: number): [number, number] {
  if (factor > 0 && size % factor === 0) return [factor, size / factor];
  const largest = factor === -1 ? size : factor;
  let divisor = 1;
  for (let next = 2; next <= largest && divisor < size / divisor; next++) {
    if (size % next === 0) divisor = next;
  }
  const other = size / divisor;
  return [Math.min(divisor, other), Math.max(divisor, other)];
}

/** How LoKr sits on one layer (PEFT `tuners/lokr/layer.py`). */
export function planLoKr(config: LoKrConfig, name: string, layer: ProductLayer): PartPlan {
  const { decomposeBoth, decomposeFactor, initWeights } = config;
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.alpha, "alphaPattern");
  const [outputs = 0, inputs = 0] = layer.weight.shape;
  const [outputs1, outputs2] = factorization(outputs, decomposeFactor);
  const [inputs1, inputs2] = factorization(inputs, decomposeFactor);
  const random = init.kaimingUniform;
  const [first, second] =
    initWeights === "lycoris" ? [random, init.zeros] : [initWeights ? init.zeros : random, random];

  const tensors = new Map<string, TensorPlan>();
  if (decomposeBoth && rank < Math.max(outputs1, inputs1) / 2) {
    tensors.set("lokr_w1_a", { shape: [outputs1, rank], initialize: first });
    tensors.set("lokr_w1_b", { shape: [rank, inputs1], initialize: random });
  } else {
    tensors.set("lokr_w1", { shape: [outputs1, inputs1], initialize: first });
  }
  if (rank < Math.max(outputs2, inputs2) / 2) {
    tensors.set("lokr_w2_a", { shape: [outputs2, rank], initialize: random });
    tensors.set("lokr_w2_b", { shape: [rank, inputs2], initialize: second });
  } else {
    tensors.set("lokr_w2", { shape: [outputs2, inputs2], initialize: second });
  }
  return { tensors, build: (state, made) => new LoKrPart(state, made, alpha / rank) };
}
