import { Conv2d, GroupNorm, Module, ModuleList } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import type { AutoencoderKLConfig } from "./config.ts";
import { MidBlock } from "./mid-block.ts";
import { ResnetBlock } from "./resnet-block.ts";

// Shapes: B batch, C and K channels, H height, W width, h and w the latent grid, Z latent channels.

export interface UpDecoderBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly layers: number;
  readonly normNumGroups: number;
  /** False in the outermost block, which keeps its size. */
  readonly upsample: boolean;
}

/** Resnets, then nearest-neighbour upsampling by 2 and a convolution (diffusers `UpDecoderBlock2D`). */
class UpDecoderBlock extends Module {
  static override readonly keys = { upsampler: "upsamplers.0.conv" };

  readonly resnets: ModuleList<ResnetBlock>;
  readonly upsampler: Conv2d | undefined;

  constructor(options: UpDecoderBlockOptions) {
    super();
    const { inChannels, outChannels, layers, normNumGroups, upsample } = options;
    this.resnets = new ModuleList(
      Array.from({ length: layers }, (_, i) => {
        const channels = i === 0 ? inChannels : outChannels;
        return new ResnetBlock({ inChannels: channels, outChannels, normNumGroups });
      }),
    );
    this.upsampler = upsample ? new Conv2d(outChannels, outChannels, 3, { padding: 1 }) : undefined;
  }

  /** (B, C, h, w) → (B, K, 2h, 2w), outermost (B, K, h, w) */
  override forward(x: Tensor): Tensor {
    const { resnets, upsampler } = this;
    const steps = Array.from(resnets, (resnet) => (h: Tensor) => resnet.call(h)); // (B, K, h, w)
    if (upsampler === undefined) return inSequence(x, steps);
    const upsample = (h: Tensor): Tensor => F.interpolate(h, { scaleFactor: 2, mode: "nearest" }); // (B, K, 2h, 2w)
    return inSequence(x, [...steps, upsample, (h) => upsampler.call(h)]);
  }
}

/** From latents to pictures (diffusers `models/autoencoders/vae.py`); one resnet a block more than the encoder. */
export class Decoder extends Module {
  readonly convIn: Conv2d;
  readonly midBlock: MidBlock;
  readonly upBlocks: ModuleList<UpDecoderBlock>;
  readonly convNormOut: GroupNorm;
  readonly convOut: Conv2d;

  constructor(config: AutoencoderKLConfig) {
    super();
    const { normNumGroups } = config;
    const widths = config.blockOutChannels.toReversed() as [number, ...number[]];
    let channels = widths[0];
    this.convIn = new Conv2d(config.latentChannels, channels, 3, { padding: 1 });
    const addAttention = config.midBlockAddAttention;
    this.midBlock = new MidBlock({ channels, normNumGroups, addAttention });
    this.upBlocks = new ModuleList(
      widths.map((outChannels, i) => {
        const inChannels = channels;
        channels = outChannels;
        return new UpDecoderBlock({
          inChannels,
          outChannels,
          layers: config.layersPerBlock + 1,
          normNumGroups,
          upsample: i < widths.length - 1,
        });
      }),
    );
    this.convNormOut = new GroupNorm(normNumGroups, channels, { eps: 1e-6 });
    this.convOut = new Conv2d(channels, config.outChannels, 3, { padding: 1 });
  }

  /** (B, Z, h, w) → (B, 3, H, W) */
  override forward(latents: Tensor): Tensor {
    return inSequence(latents, [
      (x) => this.convIn.call(x), // (B, C, h, w)
      (x) => this.midBlock.call(x),
      ...Array.from(this.upBlocks, (block) => (x: Tensor) => block.call(x)), // … (B, K, H, W)
      (x) => this.convNormOut.silu(x),
      (x) => this.convOut.call(x),
    ]);
  }
}
