export { PixArtBlock, type PixArtBlockOptions } from "./block.ts";
export {
  AdaLayerNormSingle,
  type AddedConditions,
  CaptionProjection,
  TimestepSizeEmbedding,
} from "./conditioning.ts";
export type { PixArtConfig } from "./config.ts";
export { type FromDiTOptions, pixArtFromDiT } from "./from-dit.ts";
export { type PixArtInputs, PixArtTransformer2DModel } from "./transformer.ts";
