import type { ProductLayer } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import * as torch from "../../../torch/index.ts";
import { perOutput } from "./own-tensors.ts";
import { AdapterPart, type AddedPart, type Compute, type PartPlan } from "./part.ts";

/** What is scaled: the weights of each output (PEFT, kohya, OneTrainer), or of each input. */
export type StretchedAxis = "outputs" | "inputs";

/** (out), or (1, out, 1, 1) of a convolution; along the inputs (in) */
export const MAGNITUDE = "lora_magnitude_vector";

/** The length of each output's row of the weight. */
const rowNorms = (weight: Tensor): Tensor => weight.flatten(1).norm(2, 1); // (out)

/** DoRA: the weight with the change of another part, its rows or columns scaled to learned lengths. */
class DecomposedPart extends AdapterPart {
  readonly inner: AddedPart;
  readonly #axis: StretchedAxis;

  constructor(inner: AddedPart, magnitude: Tensor, axis: StretchedAxis) {
    super(inner.state, new Map([[MAGNITUDE, magnitude]]));
    this.inner = inner;
    this.#axis = axis;
  }

  override tensors(): Map<string, Tensor> {
    return new Map([...this.inner.tensors(), ...super.tensors()]);
  }

  /** Learned lengths over current ones. No gradient goes through the latter (paper section 4.3). */
  #stretch(weight: Tensor): Tensor {
    const rows = this.#axis === "outputs" ? weight : weight.transpose(0, 1);
    const norms = torch.noGrad(() => rowNorms(rows));
    return this.tensor(MAGNITUDE).flatten().div(norms);
  }

  /** Reshapes the factors to broadcast over the weight. */
  #beside(stretch: Tensor, weight: Tensor): Tensor {
    const [outputs, inputs, ...kernel] = weight.shape.map(() => 1);
    return this.#axis === "outputs"
      ? stretch.reshape([-1, ...weight.shape.slice(1).map(() => 1)])
      : stretch.reshape([outputs ?? 1, -1, ...(inputs === undefined ? [] : kernel)]);
  }

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const y = before(x);
    const changed = layer.weight.add(this.inner.delta(layer));
    const stretch = this.#stretch(changed);
    if (this.#axis === "inputs") {
      const difference = changed.mul(this.#beside(stretch, changed)).sub(layer.weight);
      return y
        .add(layer.product(x.to({ dtype: difference.dtype }), difference))
        .to({ dtype: y.dtype });
    }
    const perRow = perOutput(stretch, layer);
    const plain = layer.bias === undefined ? y : y.sub(perOutput(layer.bias, layer));
    return y
      .add(plain.mul(perRow.sub(1)))
      .add(this.inner.added(x, layer).mul(perRow))
      .to({ dtype: y.dtype });
  }

  override merged(weight: Tensor, layer: ProductLayer): Tensor {
    const delta = this.inner.delta(layer);
    const stretch = this.#stretch(layer.weight.add(delta));
    return weight.add(delta).mul(this.#beside(stretch, weight));
  }
}

/** The plan of a part, with its resulting weight scaled along one axis. */
export function planDecomposed(
  plan: PartPlan<AddedPart>,
  layer: ProductLayer,
  axis: StretchedAxis,
): PartPlan {
  const [outputs = 0, inputs = 0, ...kernel] = layer.weight.shape;
  const ones = kernel.map(() => 1);
  const lengths = axis === "outputs" ? outputs : inputs;
  return {
    tensors: new Map([
      ...plan.tensors,
      [
        MAGNITUDE,
        {
          shape: ones.length === 0 ? [lengths] : [1, lengths, ...ones],
          initialize: (tensor, made) => {
            if (tensor.device === "meta") return;
            torch.noGrad(() =>
              torch.tidy(() => {
                const inner = plan.build(atFullScale, made);
                const weight = layer.weight.add(inner.delta(layer));
                const rows = axis === "outputs" ? weight : weight.transpose(0, 1);
                tensor.copy_(rowNorms(rows).reshape(tensor.shape));
              }),
            );
          },
        },
      ],
    ]),
    build: (state, tensors) => {
      const inner = new Map([...tensors].filter(([key]) => key !== MAGNITUDE));
      return new DecomposedPart(plan.build(state, inner), tensors.get(MAGNITUDE) as Tensor, axis);
    },
  };
}

const atFullScale = { name: "", enabled: true, scale: 1 };
