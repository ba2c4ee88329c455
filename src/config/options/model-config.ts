/** A component that is read from a folder in diffusers' or transformers' layout instead of being trained from nothing. */
export interface Pretrained {
  /** Folder that holds the component's `config.json` and weights, or the name of a model on the Hub. */
  readonly pretrained: string;
  /** The component's folder inside it, where it is a whole pipeline; null where it is the component alone. Default null. */
  readonly subfolder?: string | null;
  /** Branch, tag or commit of a model on the Hub; null takes `main`. Default null. */
  readonly revision?: string | null;
}

/** Shape of an `AutoencoderKL` that starts from random numbers; diffusers' fields in camelCase. */
export interface AutoencoderConfig {
  /** Channels of the latent. Default 4. */
  readonly latentChannels?: number;
  /** Width of each level, outermost first; each level but the last halves the side. Default `[32, 64, 96]`, a factor of 4. */
  readonly blockOutChannels?: readonly [number, ...number[]];
  /** Residual blocks a level in the encoder; the decoder has one more. Default 1. */
  readonly layersPerBlock?: number;
  /** Groups of every group norm; must divide every width in `blockOutChannels`. Default 16. */
  readonly normNumGroups?: number;
  /** Self-attention between the two middle blocks. Default true. */
  readonly midBlockAddAttention?: boolean;
  /** 1x1 convolution after the encoder. Default true. */
  readonly useQuantConv?: boolean;
  /** 1x1 convolution before the decoder. Default true. */
  readonly usePostQuantConv?: boolean;
  /** What latents are multiplied by; null measures one over their standard deviation when the autoencoder's stage ends. Default null. */
  readonly scalingFactor?: number | null;
}

/** A Unigram tokenizer trained on the data set's captions. */
export interface TokenizerConfig {
  /** Pieces in the vocabulary, `<pad>`, `</s>` and `<unk>` included. Default 2048. */
  readonly vocabSize?: number;
  /** Tokens a caption, `</s>` included; longer captions are cut. Default 32. */
  readonly maxLength?: number;
}

/** A tokenizer that is read from a folder. */
export interface PretrainedTokenizer extends Pretrained {
  /** Tokens a caption, `</s>` included; longer captions are cut. Default 120, PixArt-α's. */
  readonly maxLength?: number;
}

/** Shape of a T5 v1.1 encoder that starts from random numbers; transformers' fields in camelCase. */
export interface TextEncoderConfig {
  /** Width of the token states, and so of what the transformer's caption projection takes. Default 128. */
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
  /** Buckets of the relative position bias, half of them for each direction. Default 32. */
  readonly relativeAttentionNumBuckets?: number;
  /** Distance in tokens from which on all positions share a bucket. Default 128. */
  readonly relativeAttentionMaxDistance?: number;
  /** Added to the mean square in every RMS norm. Default 1e-6. */
  readonly layerNormEpsilon?: number;
  /** Scale of the initial weights. Default 1. */
  readonly initializerFactor?: number;
}

/**
 * Shape of the `PixArtTransformer2DModel`; diffusers' fields in camelCase. What follows from the other components and
 * the stage (`inChannels`, `captionChannels`, `crossAttentionDim`, `sampleSize`, `interpolationScale`) is not given here.
 */
export interface TransformerConfig {
  /** Transformer blocks; 28 in XL/2. */
  readonly numLayers: number;
  /** Attention heads; 16 in XL/2. */
  readonly numAttentionHeads: number;
  /** Width of each head; the model is `numAttentionHeads * attentionHeadDim` wide, a multiple of 4. 72 in XL/2. */
  readonly attentionHeadDim: number;
  /** Latent cells a side of each token. Default 2. */
  readonly patchSize?: number;
  /** Channels of the prediction: twice the latent's with the variance, once without. Null is twice. Default null. */
  readonly outChannels?: number | null;
  /** Biases in the attention's projections. Default true. */
  readonly attentionBias?: boolean;
  /** Added to the variance in every layer norm. Default 1e-6. */
  readonly normEps?: number;
  /** Conditions on the picture's size and aspect ratio, as the 1024 px model does; the width must then divide by 3. Default false. */
  readonly useAdditionalConditions?: boolean;
}
