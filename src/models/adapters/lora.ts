import { init, Linear, type ProductLayer } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import type { LoraConfig } from "./config.ts";
import {
  type AdapterState,
  AddedPart,
  type Compute,
  type PartPlan,
  type TensorPlan,
} from "./part.ts";
import { valueFor } from "./targets.ts";

// Shapes: R rank, K kernel side of a convolution.

/** (R, in), or (R, in, K, K) */
export const A = "lora_A.weight";
/** (out, R), or (out, R, 1, 1) */
export const B = "lora_B.weight";
/** (out), or (1, out, 1, 1) */
export const MAGNITUDE = "lora_magnitude_vector";

/** B A in the shape of the layer's weight. */
const productOf = (a: Tensor, b: Tensor, layer: ProductLayer): Tensor =>
  b.flatten(1).matmul(a.flatten(1)).reshape(layer.weight.shape);

/** scale · B A, added to the weight. */
class LoraPart extends AddedPart {
  readonly #alphaOverRank: number;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, alphaOverRank: number) {
    super(state, tensors);
    this.#alphaOverRank = alphaOverRank;
  }

  protected get scaling(): number {
    return this.#alphaOverRank * this.state.scale;
  }

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const y = before(x);
    return y.add(this.added(x, layer)).to({ dtype: y.dtype });
  }

  /** What is added to the output, by way of the R numbers between A and B. */
  protected added(x: Tensor, layer: ProductLayer): Tensor {
    const a = this.tensor(A);
    const inner = layer.product(x.to({ dtype: a.dtype }), a); // (…, R), or (B, R, H', W')
    const b = this.tensor(B);
    const outer = layer instanceof Linear ? F.linear(inner, b) : F.conv2d(inner, b);
    return outer.mul(this.scaling);
  }

  protected override delta(layer: ProductLayer): Tensor {
    return productOf(this.tensor(A), this.tensor(B), layer).mul(this.scaling);
  }
}

/** The length of each output's row of the weight. */
const rowNorms = (weight: Tensor): Tensor => weight.flatten(1).norm(2, 1); // (out)

/** DoRA: W + scale · B A, each output's row stretched to a learnt length. */
class DoraPart extends LoraPart {
  /** Learnt length over present length (out). No gradient goes through the latter (paper section 4.3). */
  #stretch(layer: ProductLayer): Tensor {
    const norms = torch.noGrad(() => rowNorms(layer.weight.add(this.delta(layer))));
    return this.tensor(MAGNITUDE).flatten().div(norms);
  }

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const y = before(x);
    // Of a convolution the outputs are the second dimension and not the last.
    const perOutput = (values: Tensor): Tensor =>
      layer instanceof Linear ? values : values.reshape([-1, 1, 1]);
    const stretch = perOutput(this.#stretch(layer));
    const plain = layer.bias === undefined ? y : y.sub(perOutput(layer.bias));
    return y
      .add(plain.mul(stretch.sub(1)))
      .add(this.added(x, layer).mul(stretch))
      .to({ dtype: y.dtype });
  }

  override merged(weight: Tensor, layer: ProductLayer): Tensor {
    const stretch = this.#stretch(layer).reshape([-1, ...layer.weight.shape.slice(1).map(() => 1)]);
    return weight.add(this.delta(layer)).mul(stretch);
  }
}

/** How LoRA sits on one layer (PEFT `tuners/lora/layer.py`, `dora.py`). */
export function planLora(config: LoraConfig, name: string, layer: ProductLayer): PartPlan {
  const { initLoraWeights, useDora, useRslora } = config;
  const rank = valueFor(config.rankPattern, name, config.r, "rankPattern");
  const alpha = valueFor(config.alphaPattern, name, config.loraAlpha, "alphaPattern");
  const alphaOverRank = alpha / (useRslora ? Math.sqrt(rank) : rank);
  const [outputs = 0, ...inputs] = layer.weight.shape;
  const ones = inputs.slice(1).map(() => 1);

  const tensors = new Map<string, TensorPlan>([
    [
      A,
      {
        shape: [rank, ...inputs],
        initialize: initLoraWeights === "gaussian" ? init.normal(1 / rank) : init.kaimingUniform,
      },
    ],
    [
      B,
      {
        shape: [outputs, rank, ...ones],
        initialize: initLoraWeights === false ? init.kaimingUniform : init.zeros,
      },
    ],
  ]);
  if (useDora) {
    tensors.set(MAGNITUDE, {
      shape: ones.length === 0 ? [outputs] : [1, outputs, ...ones],
      initialize: (tensor, made) => {
        const [a, b] = [made.get(A), made.get(B)];
        if (tensor.device === "meta" || a === undefined || b === undefined) return;
        torch.noGrad(() => {
          const weight = layer.weight.add(productOf(a, b, layer).mul(alphaOverRank));
          tensor.copy_(rowNorms(weight).reshape(tensor.shape));
        });
      },
    });
  }
  const Part = useDora ? DoraPart : LoraPart;
  return { tensors, build: (state, made) => new Part(state, made, alphaOverRank) };
}
