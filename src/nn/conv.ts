import { functional, type Tensor } from "../torch/index.ts";
import { biasUniform, fanIn, kaimingUniform } from "./init.ts";
import { ProductLayer } from "./product-layer.ts";

/** Options of {@link Conv2d}. */
export interface Conv2dOptions {
  readonly stride?: number;
  readonly padding?: number;
  readonly groups?: number;
  readonly bias?: boolean;
}

/** 2-D convolution with a square kernel and PyTorch's default initialisation: (B, in, H, W) → (B, out, H', W'). */
export class Conv2d extends ProductLayer {
  readonly weight: Tensor; // (out, in / groups, kernel, kernel)
  readonly bias: Tensor | undefined; // (out)
  readonly #options: { readonly stride: number; readonly padding: number; readonly groups: number };

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: number,
    { stride = 1, padding = 0, groups = 1, bias = true }: Conv2dOptions = {},
  ) {
    super();
    const shape = [outChannels, inChannels / groups, kernel, kernel];
    this.weight = this.parameter(shape, kaimingUniform);
    this.bias = bias ? this.parameter([outChannels], biasUniform(fanIn(shape))) : undefined;
    this.#options = { stride, padding, groups };
  }

  get groups(): number {
    return this.#options.groups;
  }

  override product(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
    return functional.conv2d(x, weight, bias, this.#options);
  }
}
