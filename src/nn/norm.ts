import { InvalidValueError } from "../errors/index.ts";
import { functional, type Tensor } from "../torch/index.ts";
import { ones, zeros } from "./init.ts";
import { Module } from "./module.ts";

/** Normalises groups of channels of (B, C, …). */
export class GroupNorm extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly weight: Tensor; // (C)
  readonly bias: Tensor; // (C)
  readonly #groups: number;
  readonly #eps: number;

  constructor(groups: number, channels: number, { eps = 1e-5 }: { eps?: number } = {}) {
    super();
    if (channels % groups !== 0) {
      throw new InvalidValueError(
        `Expected channels divisible by ${groups} groups but received ${channels}`,
      );
    }
    this.weight = this.parameter([channels], ones);
    this.bias = this.parameter([channels], zeros);
    this.#groups = groups;
    this.#eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return functional.groupNorm(x, this.#groups, this.weight, this.bias, { eps: this.#eps });
  }

  /** Normalises (B, C, …), then applies SiLU. */
  silu(x: Tensor): Tensor {
    const { weight, bias } = this;
    return functional.groupNormSilu(x, this.#groups, weight, bias, { eps: this.#eps });
  }
}

/** Normalises the last dimension; `affine: false` has no parameters. */
export class LayerNorm extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly weight: Tensor | undefined; // (D)
  readonly bias: Tensor | undefined; // (D)
  readonly #shape: readonly [number];
  readonly #eps: number;

  constructor(dim: number, { eps = 1e-5, affine = true }: { eps?: number; affine?: boolean } = {}) {
    super();
    this.weight = affine ? this.parameter([dim], ones) : undefined;
    this.bias = affine ? this.parameter([dim], zeros) : undefined;
    this.#shape = [dim];
    this.#eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return functional.layerNorm(x, this.#shape, this.weight, this.bias, { eps: this.#eps });
  }

  /** Normalises, then scales and shifts, as adaptive layer norm does: (B, N, D) by (B, 1, D) each. */
  modulated(x: Tensor, shift: Tensor, scale: Tensor): Tensor {
    if (this.weight !== undefined) return this.forward(x).mul(scale.add(1)).add(shift);
    return functional.modulatedNorm(x, shift, scale, { eps: this.#eps });
  }
}

/** Divides the last dimension by its root mean square, computed in float32 (Zhang and Sennrich, 2019, arXiv 1910.07467). */
export class RMSNorm extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly weight: Tensor; // (D)
  readonly #eps: number;

  constructor(dim: number, { eps = 1e-6 }: { eps?: number } = {}) {
    super();
    this.weight = this.parameter([dim], ones);
    this.#eps = eps;
  }

  override forward(x: Tensor): Tensor {
    return functional.rmsNorm(x, this.weight, { eps: this.#eps });
  }
}
