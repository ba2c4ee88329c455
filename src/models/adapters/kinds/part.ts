import { type init, Module, type ProductLayer } from "../../../nn/index.ts";
import type { Tensor } from "../../../torch/index.ts";

/** State that all parts of one adapter share. */
export interface AdapterState {
  readonly name: string;
  readonly enabled: boolean;
  /** Factor on what the adapter adds. */
  readonly scale: number;
}

/** A layer's output for an input, by the layer itself or with the adapters before this one. */
export type Compute = (x: Tensor) => Tensor;

/** A tensor of a part: its shape, and its initialization in a new adapter, given the tensors before it. */
export interface TensorPlan {
  readonly shape: readonly number[];
  readonly initialize: (
    tensor: Tensor,
    made: ReadonlyMap<string, Tensor>,
  ) => ReturnType<init.Initializer>;
}

/** A part to be made: its tensors by the end of their key in PEFT's files, and how to build it from them. */
export interface PartPlan<P extends AdapterPart = AdapterPart> {
  readonly tensors: ReadonlyMap<string, TensorPlan>;
  readonly build: (state: AdapterState, tensors: ReadonlyMap<string, Tensor>) => P;
}

/**
 * An adapter's part on one layer. Its tensors are buffers, named after the end of their key in PEFT's files: they train and
 * follow the layer to its device and dtype, but are no weights of the model. They begin in float32, whatever the layer has, as in
 * PEFT.
 */
export abstract class AdapterPart extends Module {
  readonly state: AdapterState;
  readonly #keys: readonly string[];

  constructor(state: AdapterState, tensors: ReadonlyMap<string, Tensor>) {
    super();
    this.state = state;
    this.#keys = [...tensors.keys()];
    const fields = this as unknown as Record<string, Tensor>;
    for (const [key, tensor] of tensors) fields[key] = this.buffer(tensor);
  }

  /** The part's tensors by the end of their key in PEFT's files. */
  tensors(): Map<string, Tensor> {
    return new Map(this.#keys.map((key) => [key, this.tensor(key)]));
  }

  protected has(key: string): boolean {
    return this.#keys.includes(key);
  }

  protected tensor(key: string): Tensor {
    return (this as unknown as Record<string, Tensor>)[key] as Tensor;
  }

  /** The layer's output with this part; `before` computes it without. Runs in the caller's scope. */
  abstract override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor;

  /** The layer's weight with this part merged; `weight` is the layer's own with the parts before this one merged. */
  abstract merged(weight: Tensor, layer: ProductLayer): Tensor;

  /** The layer's bias with this part merged, likewise. */
  mergedBias(bias: Tensor | undefined, _layer: ProductLayer): Tensor | undefined {
    return bias;
  }
}

/** A part that adds a matrix to the weight. */
export abstract class AddedPart extends AdapterPart {
  /** The change, in the shape of the layer's weight. */
  abstract delta(layer: ProductLayer): Tensor;

  /** The change of the output. */
  added(x: Tensor, layer: ProductLayer): Tensor {
    const delta = this.delta(layer);
    return layer.product(x.to({ dtype: delta.dtype }), delta);
  }

  override forward(x: Tensor, before: Compute, layer: ProductLayer): Tensor {
    const y = before(x);
    return y.add(this.added(x, layer)).to({ dtype: y.dtype });
  }

  override merged(weight: Tensor, layer: ProductLayer): Tensor {
    return weight.add(this.delta(layer));
  }
}
