import { init, type ProductLayer } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import * as torch from "../../../torch/index.ts";
import type { LoKrConfig } from "../config/config.ts";
import { valueFor } from "../config/targets.ts";
import { hasKernel } from "./loha.ts";
import { type AdapterState, AddedPart, type PartPlan, type TensorPlan } from "./part.ts";
import { tuckerProduct } from "./tucker.ts";

/** scale · W₁ ⊗ W₂, added to the weight; each of the two whole or a product of factors. */
class LoKrPart extends AddedPart {
  readonly #alphaOverRank: number;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, alphaOverRank: number) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
  }

  #matrix(key: string): Tensor {
    if (this.has(key)) return this.tensor(key);
    const [a, b] = [this.tensor(`${key}_a`), this.tensor(`${key}_b`)];
    return this.has("lokr_t2") && key === "lokr_w2"
      ? tuckerProduct(this.tensor("lokr_t2"), a, b)
      : a.mm(b);
  }

  override delta({ weight: { shape } }: ProductLayer): Tensor {
    const first = this.#matrix("lokr_w1"); // (out₁, in₁)
    // The kernel belongs only to the second matrix: (out₂, in₂, K, K)
    const kernel = shape.slice(2);
    const second = this.#matrix("lokr_w2").reshape([
      (shape[0] ?? 0) / first.size(0),
      (shape[1] ?? 0) / first.size(1),
      ...kernel,
    ]);
    return torch
      .kron(first.reshape([...first.shape, ...kernel.map(() => 1)]), second)
      .mul(this.#alphaOverRank * this.state.scale);
  }
}

/**
 * Two factors of a number, the smaller first: `factor` and its quotient if it divides the number, otherwise the pair nearest to
 * the square root with a first step of at most `factor` (PEFT `tuners/lokr/layer.py` factorization).
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

/** LoKr on one layer, whatever described it. */
export interface LoKrOptions {
  /** Rank of the factors; 1 if both matrices are whole. */
  readonly rank: number;
  readonly alphaOverRank: number;
  /** Outputs and inputs of the first matrix. */
  readonly first: readonly [outputs: number, inputs: number];
  /** The form of the two matrices. */
  readonly firstForm: "whole" | "factors";
  readonly secondForm: "whole" | "factors" | "core";
  readonly start?: LoKrConfig["initWeights"];
}

/** The part of a LoKr on one layer (LyCORIS `modules/lokr.py`). */
export function loKrPlan(options: LoKrOptions, layer: ProductLayer): PartPlan<AddedPart> {
  const { rank, alphaOverRank, firstForm, secondForm, start = true } = options;
  const [outputs1, inputs1] = options.first;
  const [outputs = 0, inputs = 0, ...kernel] = layer.weight.shape;
  const [outputs2, inputs2] = [outputs / outputs1, inputs / inputs1];
  const random = init.kaimingUniform;
  const [first, second] =
    start === "lycoris" ? [random, init.zeros] : [start ? init.zeros : random, random];

  const tensors = new Map<string, TensorPlan>();
  if (firstForm === "factors") {
    tensors.set("lokr_w1_a", { shape: [outputs1, rank], initialize: first });
    tensors.set("lokr_w1_b", { shape: [rank, inputs1], initialize: random });
  } else {
    tensors.set("lokr_w1", { shape: [outputs1, inputs1], initialize: first });
  }
  if (secondForm === "whole") {
    tensors.set("lokr_w2", { shape: [outputs2, inputs2, ...kernel], initialize: second });
  } else if (secondForm === "factors") {
    const inner = init.fanIn([1, inputs2, ...kernel]);
    tensors.set("lokr_w2_a", { shape: [outputs2, rank], initialize: random });
    tensors.set("lokr_w2_b", { shape: [rank, inner], initialize: second });
  } else {
    tensors.set("lokr_t2", { shape: [rank, rank, ...kernel], initialize: random });
    tensors.set("lokr_w2_a", { shape: [rank, outputs2], initialize: random });
    tensors.set("lokr_w2_b", { shape: [rank, inputs2], initialize: second });
  }
  return { tensors, build: (state, made) => new LoKrPart(state, made, alphaOverRank) };
}

/** How LoKr sits on one layer (PEFT `tuners/lokr/layer.py`). */
export function planLoKr(config: LoKrConfig, name: string, layer: ProductLayer): PartPlan {
  const { decomposeBoth, decomposeFactor, initWeights: start, useEffectiveConv2d } = config;
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.alpha, "alphaPattern");
  const [outputs = 0, inputs = 0] = layer.weight.shape;
  const [outputs1, outputs2] = factorization(outputs, decomposeFactor);
  const [inputs1, inputs2] = factorization(inputs, decomposeFactor);
  const isSmall = (...sides: number[]): boolean => rank < Math.max(...sides) / 2;
  const factored = useEffectiveConv2d && hasKernel(layer) ? "core" : "factors";
  return loKrPlan(
    {
      rank,
      alphaOverRank: alpha / rank,
      first: [outputs1, inputs1],
      firstForm: decomposeBoth && isSmall(outputs1, inputs1) ? "factors" : "whole",
      secondForm: isSmall(outputs2, inputs2) ? factored : "whole",
      start,
    },
    layer,
  );
}
