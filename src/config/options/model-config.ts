/** A component loaded from a folder in diffusers' or transformers' layout instead of being trained from scratch. */
export interface Pretrained {
  /** Folder that holds the component's `config.json` and weights, or the name of a model on the Hub. */
  readonly pretrained: string;
  /** The component's subfolder, if the folder is a whole pipeline; null if it is the component alone. Default null. */
  readonly subfolder?: string | null;
  /** Branch, tag or commit of a model on the Hub; null uses `main`. Default null. */
  readonly revision?: string | null;
}

/** Shape of an `AutoencoderKL` with random initial weights; diffusers' fields in camelCase. */
export interface AutoencoderConfig {
  /** Number of latent channels. Default 4. */
  readonly latentChannels?: number;
  /** Width of each level, outermost first; each level except the last halves the side. Default `[32, 64, 96]`, a factor of 4. */
  readonly blockOutChannels?: readonly [number, ...number[]];
  /** Residual blocks per level in the encoder; the decoder has one more. Default 1. */
  readonly layersPerBlock?: number;
  /** Groups of every group norm; must divide every width in `blockOutChannels`. Default 16. */
  readonly normNumGroups?: number;
  /** Self-attention between the two middle blocks. Default true. */
  readonly midBlockAddAttention?: boolean;
  /** 1x1 convolution after the encoder. Default true. */
  readonly useQuantConv?: boolean;
  /** 1x1 convolution before the decoder. Default true. */
  readonly usePostQuantConv?: boolean;
  /**
   * Factor that latents are multiplied by; null uses the inverse of their standard deviation, measured when the autoencoder's
   * stage ends. Default null.
   */
  readonly scalingFactor?: number | null;
}

/** A Unigram tokenizer trained on the data set's captions. */
export interface TokenizerConfig {
  /** Vocabulary size, including `<pad>`, `</s>` and `<unk>`. Default 2048. */
  readonly vocabSize?: number;
  /** Maximum tokens per caption, including `</s>`; longer captions are truncated. Default 32. */
  readonly maxLength?: number;
}

/** A tokenizer loaded from a folder. */
export interface PretrainedTokenizer extends Pretrained {
  /** Maximum tokens per caption, including `</s>`; longer captions are truncated. Default 120, as in PixArt-α. */
  readonly maxLength?: number;
}

/** Shape of a T5 v1.1 encoder with random initial weights; transformers' fields in camelCase. */
export interface TextEncoderConfig {
  /** Width of the token states, and so of the input of the transformer's caption projection. Default 128. */
  readonly dModel?: number;
  /** Width of each attention head; `dKv * numHeads` need not be `dModel`. Default 32. */
  readonly dKv?: number;
  /** Attention heads. Default 4. */
  readonly numHeads?: number;
  /** Width inside the feed-forward layers. Default 256. */
  readonly dFf?: number;
  /** Encoder blocks. Default 2. */
  readonly numLayers?: number;
  /** Feed-forward of T5 v1.1 (`gated-gelu`) or of the first T5 (`relu`). Default `gated-gelu`. */
  readonly feedForwardProj?: "gated-gelu" | "relu";
  /** Buckets of the relative position bias, half of them per direction. Default 32. */
  readonly relativeAttentionNumBuckets?: number;
  /** Distance in tokens beyond which all positions share a bucket. Default 128. */
  readonly relativeAttentionMaxDistance?: number;
  /** Added to the mean square in every RMS norm. Default 1e-6. */
  readonly layerNormEpsilon?: number;
  /** Scale of the initial weights. Default 1. */
  readonly initializerFactor?: number;
}

/**
 * Shape of the `PixArtTransformer2DModel`; diffusers' fields in camelCase. Fields that follow from the other components and the
 * stage (`inChannels`, `captionChannels`, `crossAttentionDim`, `sampleSize`, `interpolationScale`) are not given here.
 */
export interface TransformerConfig {
  /** Transformer blocks; 28 in XL/2. */
  readonly numLayers: number;
  /** Attention heads; 16 in XL/2. */
  readonly numAttentionHeads: number;
  /** Width of each head; the model is `numAttentionHeads * attentionHeadDim` wide, a multiple of 4. 72 in XL/2. */
  readonly attentionHeadDim: number;
  /** Latents per token, along a side. Default 2. */
  readonly patchSize?: number;
  /** Output channels: twice the latent channels with the variance, equal without it. Null means twice. Default null. */
  readonly outChannels?: number | null;
  /** Biases in the attention's projections. Default true. */
  readonly attentionBias?: boolean;
  /** Added to the variance in every layer norm. Default 1e-6. */
  readonly normEps?: number;
  /** Conditions on the picture's size and aspect ratio, as the 1024 px model does; the width must then divide by 3. Default false. */
  readonly useAdditionalConditions?: boolean;
}
