import { Conv2d, Module, ModuleList } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { AutoencoderTinyConfig } from "./config.ts";
import { Activation, runLayers, TinyBlock, type TinyLayer, Upsample } from "./layers.ts";

// Shapes: B batch, H height, W width, h and w the latent grid, Z latent channels.

/** From latents to pictures (diffusers `DecoderTiny`). */
export class DecoderTiny extends Module {
  readonly layers: ModuleList<TinyLayer>;

  constructor(config: AutoencoderTinyConfig) {
    super();
    const { latentChannels, outChannels, actFn, decoderBlockOutChannels: widths } = config;
    const { numDecoderBlocks, upsamplingScalingFactor, upsampleFn } = config;
    const width = widths[0];
    const first = [new Conv2d(latentChannels, width, 3, { padding: 1 }), new Activation(actFn)];
    const stages = numDecoderBlocks.flatMap((blocks, i): TinyLayer[] => {
      const row = Array.from({ length: blocks }, () => new TinyBlock(width, actFn));
      return i === numDecoderBlocks.length - 1
        ? [...row, new Conv2d(width, outChannels, 3, { padding: 1 })]
        : [
            ...row,
            new Upsample(upsamplingScalingFactor, upsampleFn),
            new Conv2d(width, width, 3, { padding: 1, bias: false }),
          ];
    });
    this.layers = new ModuleList<TinyLayer>([...first, ...stages]);
  }

  /** (B, Z, h, w) → (B, 3, H, W), about in [−1, 1] */
  override forward(latents: Tensor): Tensor {
    // Softly bounded by 3, regardless of latentMagnitude.
    const bounded = latents.div(3).tanh().mul(3);
    return runLayers(this.layers, bounded).mul(2).sub(1);
  }
}
