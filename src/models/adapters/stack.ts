import { LayerAdapters, Module, ModuleList, type ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { AdapterPart, AdapterState, Compute } from "./kinds/part.ts";

/** A layer's tensors from before adapters were merged. They follow it to its device and dtype. */
class KeptTensors extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | undefined;

  constructor(weight: Tensor, bias: Tensor | undefined) {
    super();
    this.weight = this.buffer(weight);
    this.bias = bias && this.buffer(bias);
  }

  override forward(): Tensor {
    return this.weight;
  }
}

/** The adapters of one layer, each changing the result of those before it. */
export class AdapterStack extends LayerAdapters {
  parts: ModuleList<AdapterPart> = new ModuleList([]);
  /** Only while adapters are merged. */
  kept: KeptTensors | undefined = undefined;

  get isMerged(): boolean {
    return this.kept !== undefined;
  }

  get isActive(): boolean {
    return !this.isMerged && this.#enabled().length > 0;
  }

  #enabled(): AdapterPart[] {
    return [...this.parts].filter(({ state }) => state.enabled);
  }

  /** The parts of one adapter on this layer. */
  partsOf(state: AdapterState): AdapterPart[] {
    return [...this.parts].filter((part) => part.state === state);
  }

  add(part: AdapterPart): void {
    this.parts = new ModuleList([...this.parts, part]);
  }

  /** Removes an adapter's parts and frees their memory. */
  remove(state: AdapterState): void {
    for (const part of this.partsOf(state)) part.dispose();
    this.parts = new ModuleList([...this.parts].filter((part) => part.state !== state));
  }

  override forward(x: Tensor, layer: ProductLayer): Tensor {
    let compute: Compute = (input) => layer.product(input, layer.weight, layer.bias);
    for (const part of this.#enabled()) {
      const before = compute;
      compute = (input) => part.forward(input, before, layer);
    }
    return compute(x);
  }

  /** Merges the enabled adapters into the layer's weight and bias, with or without a copy of the originals. */
  merge(layer: ProductLayer, keepsOriginal: boolean): void {
    torch.noGrad(() =>
      torch.tidy(() => {
        let weight: Tensor = layer.weight;
        let { bias } = layer;
        // In float32, rounded once if the weight is half precision.
        for (const part of this.#enabled()) {
          weight = part.merged(weight, layer);
          bias = part.mergedBias(bias, layer);
        }
        const isBiasChanged = bias !== layer.bias;
        if (keepsOriginal) {
          const keptBias = isBiasChanged ? layer.bias?.clone() : undefined;
          this.kept = new KeptTensors(layer.weight.clone(), keptBias);
        }
        layer.weight.copy_(weight);
        if (isBiasChanged && bias !== undefined) layer.bias?.copy_(bias);
      }),
    );
  }

  /** Restores the layer's weight and bias to the last bit. */
  unmerge(layer: ProductLayer): void {
    const { kept } = this;
    if (kept === undefined) return;
    torch.noGrad(() => {
      layer.weight.copy_(kept.weight);
      if (kept.bias !== undefined) layer.bias?.copy_(kept.bias);
    });
    kept.dispose();
    this.kept = undefined;
  }
}

/** The adapters of a layer, if it has any. */
export const stackOn = ({ adapters }: ProductLayer): AdapterStack | undefined =>
  adapters instanceof AdapterStack ? adapters : undefined;
