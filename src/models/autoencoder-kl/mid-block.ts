import { Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { inSequence } from "../in-sequence.ts";
import { SpatialAttention } from "./attention.ts";
import { ResnetBlock } from "./resnet-block.ts";

export interface MidBlockOptions {
  readonly channels: number;
  readonly normNumGroups: number;
  readonly addAttention: boolean;
}

/** The middle of encoder and decoder: resnet, attention, resnet (diffusers `UNetMidBlock2D`). */
export class MidBlock extends Module {
  static override readonly keys = {
    resnet1: "resnets.0",
    attention: "attentions.0",
    resnet2: "resnets.1",
  };

  readonly resnet1: ResnetBlock;
  readonly attention: SpatialAttention | undefined;
  readonly resnet2: ResnetBlock;

  constructor({ channels, normNumGroups, addAttention }: MidBlockOptions) {
    super();
    const resnet = { inChannels: channels, outChannels: channels, normNumGroups };
    this.resnet1 = new ResnetBlock(resnet);
    this.attention = addAttention ? new SpatialAttention(channels, normNumGroups) : undefined;
    this.resnet2 = new ResnetBlock(resnet);
  }

  /** (B, C, H, W) → (B, C, H, W) */
  override forward(x: Tensor): Tensor {
    const { resnet1, attention, resnet2 } = this;
    return inSequence(x, [
      (h) => resnet1.call(h),
      ...(attention === undefined ? [] : [(h: Tensor) => attention.call(h)]),
      (h) => resnet2.call(h),
    ]);
  }
}
