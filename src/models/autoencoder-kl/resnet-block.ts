import { Conv2d, GroupNorm, Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";

// Shapes: B batch, C input channels, K output channels, H height, W width.

export interface ResnetBlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly normNumGroups: number;
}

/** Two normalised 3×3 convolutions with a shortcut (diffusers `models/resnet.py`, without time embedding). */
export class ResnetBlock extends Module {
  readonly norm1: GroupNorm;
  readonly conv1: Conv2d;
  readonly norm2: GroupNorm;
  readonly conv2: Conv2d;
  readonly convShortcut: Conv2d | undefined;

  constructor({ inChannels, outChannels, normNumGroups }: ResnetBlockOptions) {
    super();
    this.norm1 = new GroupNorm(normNumGroups, inChannels, { eps: 1e-6 });
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { padding: 1 });
    this.norm2 = new GroupNorm(normNumGroups, outChannels, { eps: 1e-6 });
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1 });
    this.convShortcut =
      inChannels === outChannels ? undefined : new Conv2d(inChannels, outChannels, 1);
  }

  /** (B, C, H, W) → (B, K, H, W) */
  override forward(x: Tensor): Tensor {
    const residual = inSequence(x, [
      (h) => this.norm1.silu(h), // (B, C, H, W)
      (h) => this.conv1.call(h), // (B, K, H, W)
      (h) => this.norm2.silu(h),
      (h) => this.conv2.call(h),
    ]);
    const shortcut = this.convShortcut?.call(x) ?? x; // (B, K, H, W)
    return shortcut.add(residual);
  }
}
