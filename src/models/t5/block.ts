import { Module, RMSNorm } from "../../nn/index.ts";
import type { Tensor } from "../../torch/index.ts";
import { T5Attention } from "./attention.ts";
import type { T5Config } from "./config.ts";
import { T5FeedForward, T5GatedFeedForward } from "./feed-forward.ts";

/** Attention, then feed-forward, each after a norm and with a residual. */
export class T5Block extends Module {
  static override readonly keys = {
    attention: "layer.0.SelfAttention",
    norm1: "layer.0.layer_norm",
    feedForward: "layer.1.DenseReluDense",
    norm2: "layer.1.layer_norm",
  };

  readonly attention: T5Attention;
  readonly norm1: RMSNorm;
  readonly feedForward: T5FeedForward | T5GatedFeedForward;
  readonly norm2: RMSNorm;

  constructor(config: T5Config) {
    super();
    const isGated = config.feedForwardProj === "gated-gelu";
    const eps = config.layerNormEpsilon;
    this.attention = new T5Attention(config);
    this.norm1 = new RMSNorm(config.dModel, { eps });
    this.feedForward = isGated ? new T5GatedFeedForward(config) : new T5FeedForward(config);
    this.norm2 = new RMSNorm(config.dModel, { eps });
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
