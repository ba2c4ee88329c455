import { IncompatibleError } from "../../../errors/index.ts";
import { init, Linear, type ProductLayer } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";
import * as torch from "../../../torch/index.ts";
import {
  AdapterPart,
  type AdapterState,
  type Compute,
  type PartPlan,
  type TensorPlan,
} from "./part.ts";

/** A layer's own tensors. */
export type OwnTensor = "weight" | "bias";

/** The names of other versions of a layer's own tensors in PEFT's files, after the layer's name. */
export type OwnTensorNames = Partial<Readonly<Record<OwnTensor, string>>>;

/** A change of a layer's own weight or bias, of the same size. */
abstract class OwnTensorsPart extends AdapterPart {
  /** What is added to one of the layer's tensors, or undefined. */
  protected abstract change(key: OwnTensor, layer: ProductLayer): Tensor | undefined;

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const y = before(x);
    const weight = this.change("weight", layer);
    const bias = this.change("bias", layer);
    let changed: Tensor = y;
    if (weight !== undefined) {
      changed = changed.add(layer.product(x.to({ dtype: weight.dtype }), weight));
    }
    if (bias !== undefined) changed = changed.add(perOutput(bias, layer));
    return changed.to({ dtype: y.dtype });
  }

  override merged(weight: Tensor, layer: ProductLayer): Tensor {
    const change = this.change("weight", layer);
    return change === undefined ? weight : weight.add(change);
  }

  override mergedBias(bias: Tensor | undefined, layer: ProductLayer): Tensor | undefined {
    return addedBias(bias, this.change("bias", layer), layer);
  }
}

/** Another version of the layer's tensors: PEFT's `modules_to_save` and `bias`. The scale interpolates between the two. */
class ReplacedPart extends OwnTensorsPart {
  readonly #names: OwnTensorNames;

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>, names: OwnTensorNames) {
    super(state, tensors);
    this.#names = names;
  }

  protected override change(key: OwnTensor, layer: ProductLayer): Tensor | undefined {
    const own = layer[key];
    const name = this.#names[key];
    if (own === undefined || name === undefined) return undefined;
    return this.tensor(name).sub(own).mul(this.state.scale);
  }
}

const differences = { weight: "diff", bias: "diff_b" } as const;

/** Plain differences: LyCORIS' `full`. */
class DifferencePart extends OwnTensorsPart {
  protected override change(key: OwnTensor): Tensor | undefined {
    const name = differences[key];
    return this.has(name) ? this.tensor(name).mul(this.state.scale) : undefined;
  }
}

/** Values for each output, shaped for adding to the output of a layer; a convolution's outputs are its second dimension. */
export const perOutput = (values: Tensor, layer: ProductLayer): Tensor =>
  layer instanceof Linear ? values : values.reshape([-1, 1, 1]);

/** A bias with what an adapter adds to it. Throws if the layer has none. */
export function addedBias(
  bias: Tensor | undefined,
  change: Tensor | undefined,
  layer: ProductLayer,
): Tensor | undefined {
  if (change === undefined) return bias;
  if (bias !== undefined) return bias.add(change);
  throw new IncompatibleError(
    `Expected layers with a bias to merge an adapter that adds to it but received a ${layer.constructor.name} without one`,
  );
}

/** Other versions of some of a layer's own tensors, initialized from them. */
export function planReplaced(names: OwnTensorNames, layer: ProductLayer): PartPlan {
  const tensors = new Map<string, TensorPlan>();
  for (const key of ["weight", "bias"] as const) {
    const [name, tensor] = [names[key], layer[key]];
    if (name === undefined || tensor === undefined) continue;
    const initialize = (made: Tensor): void => {
      if (made.device !== "meta") torch.noGrad(() => made.copy_(tensor));
    };
    tensors.set(name, { shape: tensor.shape, initialize });
  }
  return { tensors, build: (state, made) => new ReplacedPart(state, made, names) };
}

/** Differences of a layer's weight (`diff`), of its bias (`diff_b`), or of both. */
export const planDifference = (
  which: readonly string[],
  { weight: { shape } }: ProductLayer,
): PartPlan => ({
  tensors: new Map(
    which.map((key) => [
      key,
      { shape: key === "diff" ? shape : shape.slice(0, 1), initialize: init.zeros },
    ]),
  ),
  build: (state, tensors) => new DifferencePart(state, tensors),
});
