import { Conv2d, GroupNorm, Module, ModuleList } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import type { AutoencoderKLConfig } from "./config.ts";
import { MidBlock } from "./mid-block.ts";
import { ResnetBlock } from "./resnet-block.ts";

// Shapes: B batch, C and K channels, H height, W width, h and w the latent grid, Z latent channels.

export interface DownEncoderBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly layers: number;
  readonly normNumGroups: number;
  /** False in the innermost block, which keeps its size. */
  readonly downsample: boolean;
}

/** Resnets, then a convolution of stride 2 (diffusers `DownEncoderBlock2D`). */
class DownEncoderBlock extends Module {
  static override readonly keys = { downsampler: "downsamplers.0.conv" };

  readonly resnets: ModuleList<ResnetBlock>;
  readonly downsampler: Conv2d | undefined;

  constructor(options: DownEncoderBlockOptions) {
    super();
    const { inChannels, outChannels, layers, normNumGroups, downsample } = options;
    this.resnets = new ModuleList(
      Array.from({ length: layers }, (_, i) => {
        const channels = i === 0 ? inChannels : outChannels;
        return new ResnetBlock({ inChannels: channels, outChannels, normNumGroups });
      }),
    );
    this.downsampler = downsample
      ? new Conv2d(outChannels, outChannels, 3, { stride: 2 })
      : undefined;
  }

  /** (B, C, H, W) → (B, K, H/2, W/2), innermost (B, K, H, W) */
  override forward(x: Tensor): Tensor {
    const { resnets, downsampler } = this;
    const steps = Array.from(resnets, (resnet) => (h: Tensor) => resnet.call(h)); // (B, K, H, W)
    if (downsampler === undefined) return inSequence(x, steps);
    // The original pads only on the right and at the bottom, so the convolution itself has no padding.
    const pad = (h: Tensor): Tensor => F.pad(h, [0, 1, 0, 1]);
    return inSequence(x, [...steps, pad, (h) => downsampler.call(h)]);
  }
}

/** From pictures to the moments of their latent distribution (diffusers `models/autoencoders/vae.py`). */
export class Encoder extends Module {
  readonly convIn: Conv2d;
  readonly downBlocks: ModuleList<DownEncoderBlock>;
  readonly midBlock: MidBlock;
  readonly convNormOut: GroupNorm;
  readonly convOut: Conv2d;

  constructor(config: AutoencoderKLConfig) {
    super();
    const { blockOutChannels, normNumGroups } = config;
    let channels = blockOutChannels[0];
    this.convIn = new Conv2d(config.inChannels, channels, 3, { padding: 1 });
    this.downBlocks = new ModuleList(
      blockOutChannels.map((outChannels, i) => {
        const inChannels = channels;
        channels = outChannels;
        return new DownEncoderBlock({
          inChannels,
          outChannels,
          layers: config.layersPerBlock,
          normNumGroups,
          downsample: i < blockOutChannels.length - 1,
        });
      }),
    );
    const addAttention = config.midBlockAddAttention;
    this.midBlock = new MidBlock({ channels, normNumGroups, addAttention });
    this.convNormOut = new GroupNorm(normNumGroups, channels, { eps: 1e-6 });
    this.convOut = new Conv2d(channels, 2 * config.latentChannels, 3, { padding: 1 });
  }

  /** (B, 3, H, W) in [−1, 1] → (B, 2Z, h, w): means, then log variances */
  override forward(images: Tensor): Tensor {
    return inSequence(images, [
      (x) => this.convIn.call(x), // (B, C, H, W)
      ...Array.from(this.downBlocks, (block) => (x: Tensor) => block.call(x)), // … (B, K, h, w)
      (x) => this.midBlock.call(x),
      (x) => this.convNormOut.silu(x),
      (x) => this.convOut.call(x),
    ]);
  }
}
