export {
  type BlockConditions,
  PixArtBlock,
  type PixArtBlockOptions,
} from "./block.ts";
export {
  AdaLayerNormSingle,
  type AddedConditions,
  CaptionProjection,
  TimestepSizeEmbedding,
} from "./conditioning.ts";
export type { PixArtBlockConfig, PixArtTransformerConfig } from "./config.ts";
export { type FromDiTOptions, pixArtFromDiT } from "./from-dit.ts";
export {
  type KVCompressConfig,
  type KVSampling,
  kvSamplings,
  type PatchGrid,
} from "./kv-compression.ts";
export { SelfAttention, type SelfAttentionOptions } from "./self-attention.ts";
export {
  type EmbeddedInputs,
  type PixArtInputs,
  PixArtTransformer2DModel,
  type PreparedCaption,
} from "./transformer.ts";
