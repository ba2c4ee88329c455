import { Conv2d, Module, type ModuleList } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import type { AutoencoderTinyConfig } from "./config.ts";

// Shapes: B batch, C channels, H height, W width.

const activations: Readonly<Record<AutoencoderTinyConfig["actFn"], (x: Tensor) => Tensor>> = {
  relu: F.relu,
  silu: F.silu,
  swish: F.silu,
  gelu: (x) => F.gelu(x),
};

/** An activation as one of the numbered layers, without weights. */
export class Activation extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly #apply: (x: Tensor) => Tensor;

  constructor(name: AutoencoderTinyConfig["actFn"]) {
    super();
    this.#apply = activations[name];
  }

  override forward(x: Tensor): Tensor {
    return this.#apply(x);
  }
}

/** Enlarges a map: (B, C, H, W) → (B, C, factor·H, factor·W). */
export class Upsample extends Module {
  static override readonly makesTemporaries: boolean = false;

  readonly #options: {
    readonly scaleFactor: number;
    readonly mode: "nearest" | "bilinear" | "bicubic";
  };

  constructor(scaleFactor: number, mode: "nearest" | "bilinear" | "bicubic") {
    super();
    this.#options = { scaleFactor, mode };
  }

  override forward(x: Tensor): Tensor {
    return F.interpolate(x, this.#options);
  }
}

/** Three 3×3 convolutions with a shortcut (diffusers `AutoencoderTinyBlock`): (B, C, H, W) → (B, C, H, W). */
export class TinyBlock extends Module {
  static override readonly keys = { conv1: "conv.0", conv2: "conv.2", conv3: "conv.4" };

  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly conv3: Conv2d;
  readonly #activate: (x: Tensor) => Tensor;

  constructor(channels: number, activation: AutoencoderTinyConfig["actFn"]) {
    super();
    const conv = () => new Conv2d(channels, channels, 3, { padding: 1 });
    this.conv1 = conv();
    this.conv2 = conv();
    this.conv3 = conv();
    this.#activate = activations[activation];
  }

  override forward(x: Tensor): Tensor {
    const h = this.#activate(this.conv1.call(x));
    const residual = this.conv3.call(this.#activate(this.conv2.call(h)));
    return F.relu(residual.add(x)); // always ReLU, whatever the activation
  }
}

/** One of a sequence of layers. */
export type TinyLayer = Activation | Conv2d | TinyBlock | Upsample;

/** Runs layers one after another. */
export const runLayers = (layers: ModuleList<TinyLayer>, x: Tensor): Tensor =>
  inSequence(
    x,
    Array.from(layers, (layer) => (h: Tensor) => layer.call(h)),
  );
