import { init, type ProductLayer } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import type { LoHaConfig } from "../config/config.ts";
import { valueFor } from "../config/targets.ts";
import { type AdapterState, AddedPart, type PartPlan, type TensorPlan } from "./part.ts";
import { tuckerProduct } from "./tucker.ts";

/** scale · (A₁ B₁) ⊙ (A₂ B₂), added to the weight; each product may have a core between its factors. */
class LoHaPart extends AddedPart {
  readonly #alphaOverRank: number;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, alphaOverRank: number) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
  }

  #product(i: 1 | 2, shape: readonly number[]): Tensor {
    const [a, b] = [this.tensor(`hada_w${i}_a`), this.tensor(`hada_w${i}_b`)];
    const core = `hada_t${i}`;
    return (this.has(core) ? tuckerProduct(this.tensor(core), a, b) : a.mm(b)).reshape(shape);
  }

  override delta({ weight: { shape } }: ProductLayer): Tensor {
    return this.#product(1, shape)
      .mul(this.#product(2, shape))
      .mul(this.#alphaOverRank * this.state.scale);
  }
}

/** LoHa on one layer, whatever described it. */
export interface LoHaOptions {
  readonly rank: number;
  readonly alphaOverRank: number;
  /** Whether both products have a core, of the size of a convolution's kernel. */
  readonly hasCores: boolean;
  readonly startsAtZero?: boolean;
}

/** The part of a LoHa on one layer (LyCORIS `modules/loha.py`); a convolution's kernel counts as inputs. */
export function loHaPlan(options: LoHaOptions, layer: ProductLayer): PartPlan<AddedPart> {
  const { rank, alphaOverRank, hasCores, startsAtZero = true } = options;
  const [outputs = 0, inputs = 0, ...kernel] = layer.weight.shape;
  const [a, b] = hasCores
    ? [
        [rank, outputs],
        [rank, inputs],
      ]
    : [
        [outputs, rank],
        [rank, init.fanIn(layer.weight.shape)],
      ];
  const core = { shape: [rank, rank, ...kernel], initialize: init.kaimingUniform };
  const last = startsAtZero ? init.zeros : init.kaimingUniform;
  const tensors = new Map<string, TensorPlan>([
    ["hada_w1_a", { shape: a, initialize: init.kaimingUniform }],
    ["hada_w1_b", { shape: b, initialize: init.kaimingUniform }],
    ["hada_w2_a", { shape: a, initialize: init.kaimingUniform }],
    ["hada_w2_b", { shape: b, initialize: last }],
    ...(hasCores ? ([["hada_t1", core] as const, ["hada_t2", core] as const] as const) : []),
  ]);
  return { tensors, build: (state, made) => new LoHaPart(state, made, alphaOverRank) };
}

/** How LoHa sits on one layer (PEFT `tuners/loha/layer.py`). */
export function planLoHa(config: LoHaConfig, name: string, layer: ProductLayer): PartPlan {
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.alpha, "alphaPattern");
  const hasCores = config.useEffectiveConv2d && hasKernel(layer);
  const startsAtZero = config.initWeights;
  return loHaPlan({ rank, alphaOverRank: alpha / rank, hasCores, startsAtZero }, layer);
}

/** Whether a layer is a convolution with a kernel larger than 1 × 1. */
export const hasKernel = ({ weight }: ProductLayer): boolean =>
  weight.shape.slice(2).some((side) => side !== 1);
