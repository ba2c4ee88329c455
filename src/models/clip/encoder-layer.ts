import { LayerNorm, Linear, Module } from "../../nn/index.ts";
import { functional as F, type Tensor } from "../../torch/index.ts";
import { quickGelu } from "../feed-forward.ts";
import type { CLIPTowerConfig } from "./config.ts";

// Shapes: B batch, L tokens, D hidden width.

/** Multi-head self-attention. */
class CLIPAttention extends Module {
  readonly kProj: Linear;
  readonly vProj: Linear;
  readonly qProj: Linear;
  readonly outProj: Linear;
  readonly #heads: number;

  constructor({ hiddenSize, numAttentionHeads }: CLIPTowerConfig) {
    super();
    this.kProj = new Linear(hiddenSize, hiddenSize);
    this.vProj = new Linear(hiddenSize, hiddenSize);
    this.qProj = new Linear(hiddenSize, hiddenSize);
    this.outProj = new Linear(hiddenSize, hiddenSize);
    this.#heads = numAttentionHeads;
  }

  override forward(x: Tensor, mask?: Tensor): Tensor {
    const [q, k, v] = [this.qProj.call(x), this.kProj.call(x), this.vProj.call(x)]; // (B, L, D) each
    return this.outProj.call(F.attention(q, k, v, { mask, heads: this.#heads }));
  }
}

/** Two layers with an activation between them. */
class CLIPMLP extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly #activate: (x: Tensor) => Tensor;

  constructor({ hiddenSize, intermediateSize, hiddenAct }: CLIPTowerConfig) {
    super();
    this.fc1 = new Linear(hiddenSize, intermediateSize);
    this.fc2 = new Linear(intermediateSize, hiddenSize);
    this.#activate = hiddenAct === "quick_gelu" ? quickGelu : (x) => F.gelu(x);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2.call(this.#activate(this.fc1.call(x)));
  }
}

/** Attention, then feed-forward, each after a norm and with a residual. */
export class CLIPEncoderLayer extends Module {
  readonly selfAttn: CLIPAttention;
  readonly layerNorm1: LayerNorm;
  readonly mlp: CLIPMLP;
  readonly layerNorm2: LayerNorm;

  constructor(config: CLIPTowerConfig) {
    super();
    const eps = config.layerNormEps;
    this.selfAttn = new CLIPAttention(config);
    this.layerNorm1 = new LayerNorm(config.hiddenSize, { eps });
    this.mlp = new CLIPMLP(config);
    this.layerNorm2 = new LayerNorm(config.hiddenSize, { eps });
  }

  /**
   * @param x    (B, L, D)
   * @param mask (1, 1, L, L) added to the attention logits
   */
  override forward(x: Tensor, mask?: Tensor): Tensor {
    x = x.add(this.selfAttn.call(this.layerNorm1.call(x), mask));
    return x.add(this.mlp.call(this.layerNorm2.call(x)));
  }
}
