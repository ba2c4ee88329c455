import { Conv2d, Module, ModuleList } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { AutoencoderTinyConfig } from "./config.ts";
import { runLayers, TinyBlock, type TinyLayer } from "./layers.ts";

// Shapes: B batch, H height, W width, h and w the latent grid, Z latent channels.

/** From pictures to latents (diffusers `EncoderTiny`). */
export class EncoderTiny extends Module {
  readonly layers: ModuleList<TinyLayer>;

  constructor(config: AutoencoderTinyConfig) {
    super();
    const { inChannels, latentChannels, actFn, encoderBlockOutChannels: widths } = config;
    const width = widths[0];
    const stages = config.numEncoderBlocks.flatMap((blocks, i): TinyLayer[] => [
      i === 0
        ? new Conv2d(inChannels, width, 3, { padding: 1 })
        : new Conv2d(width, width, 3, { padding: 1, stride: 2, bias: false }),
      ...Array.from({ length: blocks }, () => new TinyBlock(width, actFn)),
    ]);
    const out = new Conv2d(width, latentChannels, 3, { padding: 1 });
    this.layers = new ModuleList([...stages, out]);
  }

  /** (B, 3, H, W) in [−1, 1] → (B, Z, h, w) */
  override forward(images: Tensor): Tensor {
    // TAESD itself takes pictures in [0, 1].
    return runLayers(this.layers, images.add(1).div(2));
  }
}
