import { Embedding, init, Module, ModuleList } from "../../nn/index.ts";
import type { DType, Tensor } from "../../torch/index.ts";
import { T5Block } from "./block.ts";
import { type T5Config, type T5Options, t5Config } from "./config.ts";
import { T5LayerNorm } from "./layer-norm.ts";
import { relativePositionBuckets } from "./relative-position.ts";

// Shapes: B batch, L tokens, D hidden width, H heads.

export interface T5Inputs {
  /** (B, L), 1 for tokens and 0 for padding; without it all are tokens. */
  readonly attentionMask?: Tensor | undefined;
}

/** The most negative number of a dtype, which stands for minus infinity in front of a softmax. */
const lowest: Readonly<Partial<Record<DType, number>>> = {
  bfloat16: -3.3895313892515355e38,
  float32: -3.4028234663852886e38,
  float64: -Number.MAX_VALUE,
};

/** The encoder half of T5 (Raffel et al. 2019; transformers `T5EncoderModel`), without dropout. */
export class T5EncoderModel extends Module {
  static override readonly keys = {
    blocks: "encoder.block",
    relativeAttentionBias: "encoder.block.0.layer.0.SelfAttention.relative_attention_bias",
    finalLayerNorm: "encoder.final_layer_norm",
  };

  readonly config: T5Config;
  readonly shared: Embedding;
  /** One number for each bucket and head, used by every block though it is stored in the first. */
  readonly relativeAttentionBias: Embedding;
  readonly blocks: ModuleList<T5Block>;
  readonly finalLayerNorm: T5LayerNorm;

  constructor(options: T5Options = {}) {
    super();
    const config = t5Config(options);
    const { vocabSize, dModel, numHeads, relativeAttentionNumBuckets, initializerFactor } = config;
    this.config = config;
    this.shared = new Embedding(vocabSize, dModel, { weight: init.normal(initializerFactor) });
    this.relativeAttentionBias = new Embedding(relativeAttentionNumBuckets, numHeads, {
      weight: init.normal(initializerFactor * dModel ** -0.5),
    });
    this.blocks = new ModuleList(
      Array.from({ length: config.numLayers }, () => new T5Block(config)),
    );
    this.finalLayerNorm = new T5LayerNorm(dModel, config.layerNormEpsilon, initializerFactor);
  }

  /** (B, L) int64 token ids → (B, L, D); padding gets an output too. */
  override forward(inputIds: Tensor, { attentionMask }: T5Inputs = {}): Tensor {
    const bias = this.#attentionBias(inputIds, attentionMask); // (1 or B, H, L, L)
    let x = this.shared.call(inputIds); // (B, L, D)
    for (const block of this.blocks) x = block.call(x, bias); // (B, L, D)
    return this.finalLayerNorm.call(x);
  }

  /** What is added to the attention logits of every block: (1, H, L, L), or (B, H, L, L) with a mask. */
  #attentionBias(inputIds: Tensor, attentionMask: Tensor | undefined): Tensor {
    const buckets = relativePositionBuckets(inputIds.size(1), {
      numBuckets: this.config.relativeAttentionNumBuckets,
      maxDistance: this.config.relativeAttentionMaxDistance,
      device: inputIds.device,
    });
    const bias = this.relativeAttentionBias.call(buckets).permute([2, 0, 1]).unsqueeze(0); // (1, H, L, L)
    if (attentionMask === undefined) return bias;
    const padding = attentionMask.eq(0).unsqueeze(1).unsqueeze(1); // (B, 1, 1, L)
    return bias.maskedFill(padding, lowest[bias.dtype]);
  }
}
