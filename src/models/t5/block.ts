import { Module } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { T5Attention } from "./attention.ts";
import type { T5Config } from "./config.ts";
import { T5FeedForward, T5GatedFeedForward } from "./feed-forward.ts";
import { T5LayerNorm } from "./layer-norm.ts";

/** Attention, then feed-forward, each behind a norm and beside a residual. */
export class T5Block extends Module {
  static override readonly keys = {
    norm1: "layer.0.layer_norm",
    attention: "layer.0.SelfAttention",
    norm2: "layer.1.layer_norm",
    feedForward: "layer.1.DenseReluDense",
  };

  readonly norm1: T5LayerNorm;
  readonly attention: T5Attention;
  readonly norm2: T5LayerNorm;
  readonly feedForward: T5FeedForward | T5GatedFeedForward;

  constructor(config: T5Config) {
    super();
    const { dModel, layerNormEpsilon, initializerFactor, feedForwardProj } = config;
    const FeedForward = feedForwardProj === "relu" ? T5FeedForward : T5GatedFeedForward;
    this.norm1 = new T5LayerNorm(dModel, layerNormEpsilon, initializerFactor);
    this.attention = new T5Attention(config);
    this.norm2 = new T5LayerNorm(dModel, layerNormEpsilon, initializerFactor);
    this.feedForward = new FeedForward(config);
  }

  /**
   * @param x    (B, L, D)
   * @param bias (1 or B, H, L, L)
   */
  override forward(x: Tensor, bias: Tensor): Tensor {
    x = x.add(this.attention.call(this.norm1.call(x), bias));
    return x.add(this.feedForward.call(this.norm2.call(x)));
  }
}
