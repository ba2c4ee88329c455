import type { Tensor } from "../torch/index.ts";
import { Module } from "./module.ts";

/**
 * Computes a layer's output instead of the layer while it is active (see models/adapters). Its tensors are buffers: they follow
 * the layer to its device and do not change the layer's keys.
 */
export abstract class LayerAdapters extends Module {
  abstract readonly isActive: boolean;

  /** Input and output are those of the layer's own forward. */
  abstract override forward(x: Tensor, layer: ProductLayer): Tensor;
}

/** A layer that is one product with its weight, so that adapters can be added to it. */
export abstract class ProductLayer extends Module {
  static override readonly makesTemporaries: boolean = false;

  abstract readonly weight: Tensor;
  abstract readonly bias: Tensor | undefined;
  adapters: LayerAdapters | undefined = undefined;

  /** The layer's operator with a weight of its own shape, except for the number of outputs. */
  abstract product(x: Tensor, weight: Tensor, bias?: Tensor): Tensor;

  /** Adapters are not part of a model's names. */
  override *namedModules(prefix = ""): Generator<[name: string, module: Module]> {
    yield [prefix, this];
  }

  override forward(x: Tensor): Tensor {
    if (this.adapters?.isActive) return this.adapters.call(x, this);
    return this.product(x, this.weight, this.bias);
  }
}
