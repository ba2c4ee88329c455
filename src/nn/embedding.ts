import { functional, type Tensor } from "../torch/index.ts";
import { type Initializer, normal } from "./init.ts";
import { Module } from "./module.ts";

/** A table whose rows are looked up by index. */
export class Embedding extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly weight: Tensor; // (count, dim)

  constructor(count: number, dim: number, initialize: Initializer = normal(1)) {
    super();
    this.weight = this.parameter([count, dim], initialize);
  }

  /** @param indices (…) int64 → (…, dim) */
  override forward(indices: Tensor): Tensor {
    return functional.embedding(this.weight, indices);
  }
}
