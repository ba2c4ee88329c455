import { init, type ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { LoHaConfig } from "./config.ts";
import { type AdapterState, AddedPart, type PartPlan, type TensorPlan } from "./part.ts";
import { valueFor } from "./targets.ts";

/** scale · (A₁ B₁) ⊙ (A₂ B₂), added to the weight. */
class LoHaPart extends AddedPart {
  readonly #alphaOverRank: number;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, alphaOverRank: number) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
  }

  protected override delta(layer: ProductLayer): Tensor {
    const first = this.tensor("hada_w1_a").mm(this.tensor("hada_w1_b")); // (out, in)
    const second = this.tensor("hada_w2_a").mm(this.tensor("hada_w2_b"));
    return first
      .mul(second)
      .mul(this.#alphaOverRank * this.state.scale)
      .reshape(layer.weight.shape);
  }
}

/** How LoHa sits on one layer (PEFT `tuners/loha/layer.py`); a convolution's kernel counts as inputs. */
export function planLoHa(config: LoHaConfig, name: string, layer: ProductLayer): PartPlan {
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.alpha, "alphaPattern");
  const [outputs = 0] = layer.weight.shape;
  const inputs = init.fanIn(layer.weight.shape);
  const start = init.kaimingUniform;
  const tensors = new Map<string, TensorPlan>([
    ["hada_w1_a", { shape: [outputs, rank], initialize: start }],
    ["hada_w1_b", { shape: [rank, inputs], initialize: start }],
    ["hada_w2_a", { shape: [outputs, rank], initialize: start }],
    ["hada_w2_b", { shape: [rank, inputs], initialize: config.initWeights ? init.zeros : start }],
  ]);
  return { tensors, build: (state, made) => new LoHaPart(state, made, alpha / rank) };
}
