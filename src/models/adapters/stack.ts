import { LayerAdapters, Module, ModuleList, type ProductLayer } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";
import type { AdapterPart, AdapterState, Compute } from "./part.ts";

/** A weight as it was before adapters were merged into it. It follows the layer to its device and dtype. */
class KeptWeight extends Module {
  readonly weight: Tensor;

  constructor(weight: Tensor) {
    super();
    this.weight = this.buffer(weight);
  }

  override forward(): Tensor {
    return this.weight;
  }
}

/** The adapters of one layer, each changing what the ones before it compute. */
export class AdapterStack extends LayerAdapters {
  parts: ModuleList<AdapterPart> = new ModuleList([]);
  /** Only while adapters are merged. */
  kept: KeptWeight | undefined = undefined;

  get isMerged(): boolean {
    return this.kept !== undefined;
  }

  get isActive(): boolean {
    return !this.isMerged && this.#enabled().length > 0;
  }

  #enabled(): AdapterPart[] {
    return [...this.parts].filter(({ state }) => state.enabled);
  }

  /** The part of one adapter, if it is on this layer. */
  part(state: AdapterState): AdapterPart | undefined {
    return [...this.parts].find((part) => part.state === state);
  }

  add(part: AdapterPart): void {
    this.parts = new ModuleList([...this.parts, part]);
  }

  /** Takes a part away and gives back its memory. */
  remove(state: AdapterState): void {
    this.part(state)?.dispose();
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

  /** Puts what is enabled into the layer's weight, with or without a copy of what was there. */
  merge(layer: ProductLayer, keepsOriginal: boolean): void {
    torch.noGrad(() =>
      torch.tidy(() => {
        let merged: Tensor = layer.weight;
        // In float32, and rounded once, where the weight is half as wide.
        for (const part of this.#enabled()) merged = part.merged(merged, layer);
        if (keepsOriginal) this.kept = new KeptWeight(layer.weight.clone());
        layer.weight.copy_(merged);
      }),
    );
  }

  /** Puts the layer's weight back to the last bit. */
  unmerge(layer: ProductLayer): void {
    const { kept } = this;
    if (kept === undefined) return;
    torch.noGrad(() => layer.weight.copy_(kept.weight));
    kept.dispose();
    this.kept = undefined;
  }
}

/** The adapters of a layer, if it has any. */
export const stackOn = ({ adapters }: ProductLayer): AdapterStack | undefined =>
  adapters instanceof AdapterStack ? adapters : undefined;
