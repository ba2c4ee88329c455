import { InvalidValueError } from "../../errors/index.ts";
import { Linear, Module } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import { type DType, functional as F, type Tensor } from "../../torch/index.ts";
import { TimestepEmbedding, timestepSinusoid } from "../embeddings.ts";

// Shapes: B batch, L caption tokens, C width of the text encoder's states, D hidden width.

/** Width of the sinusoidal embedding of a time, a height, a width or an aspect ratio. */
const sinusoidWidth = 256;

/** Conditions of models with micro-conditions: the size of the picture to draw. */
export interface AddedConditions {
  /** (B, 2): height and width in pixels. */
  readonly resolution: Tensor;
  /** (B, 1): height over width. */
  readonly aspectRatio: Tensor;
}

/** Embeds the timestep and, in models with micro-conditions, adds the embedded size and aspect ratio. */
export class TimestepSizeEmbedding extends Module {
  readonly timestepEmbedder: TimestepEmbedding;
  readonly resolutionEmbedder: TimestepEmbedding | undefined;
  readonly aspectRatioEmbedder: TimestepEmbedding | undefined;

  constructor(width: number, usesAdditionalConditions: boolean) {
    super();
    const sizeEmbedder = () =>
      usesAdditionalConditions ? new TimestepEmbedding(sinusoidWidth, width / 3) : undefined;
    this.timestepEmbedder = new TimestepEmbedding(sinusoidWidth, width);
    this.resolutionEmbedder = sizeEmbedder();
    this.aspectRatioEmbedder = sizeEmbedder();
  }

  /** (B) → (B, D), computed in `dtype` */
  override forward(timestep: Tensor, dtype: DType, added?: AddedConditions): Tensor {
    const time = this.timestepEmbedder.call(timestepSinusoid(timestep).to({ dtype })); // (B, D)
    if (this.resolutionEmbedder === undefined || this.aspectRatioEmbedder === undefined) {
      return time;
    }
    if (added === undefined) {
      throw new InvalidValueError(
        "Expected resolution and aspectRatio for addedCondKwargs but received undefined. This model is conditioned on the size of the picture.",
      );
    }
    const sinusoid = (values: Tensor) => timestepSinusoid(values.flatten()).to({ dtype });
    const size = this.resolutionEmbedder
      .call(sinusoid(added.resolution)) // (2·B, D/3)
      .reshape([added.resolution.size(0), -1]); // (B, 2·D/3)
    const ratio = this.aspectRatioEmbedder.call(sinusoid(added.aspectRatio)); // (B, D/3)
    return time.add(torch.cat([size, ratio], 1));
  }
}

/** adaLN-single: one layer computes the modulation that all blocks share (paper section 2.3). */
export class AdaLayerNormSingle extends Module {
  readonly emb: TimestepSizeEmbedding;
  readonly linear: Linear;

  constructor(width: number, usesAdditionalConditions: boolean) {
    super();
    this.emb = new TimestepSizeEmbedding(width, usesAdditionalConditions);
    this.linear = new Linear(width, 6 * width);
  }

  /** Embedded time (B, D) → shift, scale and gate of attention, then of the MLP: (B, 6, D) */
  override forward(time: Tensor): Tensor {
    return this.linear.call(F.silu(time)).reshape([time.size(0), 6, -1]);
  }
}

/** Two layers from the text encoder's width to the model's: (B, L, C) → (B, L, D). */
export class CaptionProjection extends Module {
  static override readonly keys = { linear1: "linear_1", linear2: "linear_2" };

  readonly linear1: Linear;
  readonly linear2: Linear;

  constructor(captionChannels: number, width: number) {
    super();
    this.linear1 = new Linear(captionChannels, width);
    this.linear2 = new Linear(width, width);
  }

  override forward(caption: Tensor): Tensor {
    return this.linear2.call(F.gelu(this.linear1.call(caption), { approximate: "tanh" }));
  }
}
