import type { Tensor } from "../../torch/index.ts";
import * as torch from "../../torch/index.ts";

/** The last few tensors of a sampler's run, newest first, from which multistep methods extrapolate. */
export class TensorHistory {
  readonly #capacity: number;
  #tensors: Tensor[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get length(): number {
    return this.#tensors.length;
  }

  /** Newest first. */
  get tensors(): readonly Tensor[] {
    return this.#tensors;
  }

  /** Takes ownership of a tensor, and frees the oldest one if there are now too many. */
  push(tensor: Tensor): void {
    this.#tensors.unshift(torch.keep(tensor));
    for (const spent of this.#tensors.splice(this.#capacity)) spent.dispose();
  }

  /** Frees all. */
  clear(): void {
    for (const tensor of this.#tensors.splice(0)) tensor.dispose();
  }
}
