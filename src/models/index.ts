/** Models, one folder each, under the class names and parameter keys of diffusers and transformers. */
export * from "./autoencoder-kl/index.ts";
export * from "./dit/index.ts";
export * from "./pixart/index.ts";
export type { PretrainedOptions } from "./pretrained.ts";
export * from "./t5/index.ts";
