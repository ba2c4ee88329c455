/** Models, one folder each, under the class names and parameter keys of diffusers and transformers. */
export * from "../errors/public.ts";
export * from "./adapters/index.ts";
export { Attention, type AttentionOptions } from "./attention.ts";
export * from "./autoencoder-kl/index.ts";
export * from "./autoencoder-tiny/index.ts";
export * from "./clip/index.ts";
export * from "./conversion/index.ts";
export * from "./dit/index.ts";
export { PatchEmbed, type PatchEmbedOptions, TimestepEmbedding } from "./embeddings.ts";
export { FeedForward, type FeedForwardActivation } from "./feed-forward.ts";
export * from "./pixart/index.ts";
export * from "./pixart-controlnet/index.ts";
export type { PretrainedOptions, QuantizedPretrainedOptions } from "./pretrained.ts";
export { MissingFactError, type SingleFileFacts, type SingleFileOptions } from "./single-file.ts";
export * from "./t5/index.ts";
