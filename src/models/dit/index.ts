export { AdaLayerNormZero, DiTBlock, type DiTBlockOptions } from "./block.ts";
export type { DiTConfig } from "./config.ts";
export { type DiTInputs, DiTTransformer2DModel, LabelEmbedding } from "./transformer.ts";
