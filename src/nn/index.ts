/** Layers: a Module with strict keys, and the few kinds that PixArt's models consist of. */
export { type ConstructOptions, construct, constructOptions } from "./construct.ts";
export { Conv2d, type Conv2dOptions } from "./conv.ts";
export { Embedding } from "./embedding.ts";
export * as init from "./init.ts";
export { Linear } from "./linear.ts";
export { Module, ModuleList } from "./module.ts";
export { GroupNorm, LayerNorm, RMSNorm } from "./norm.ts";
export { LayerAdapters, ProductLayer } from "./product-layer.ts";
export { loadQuantized, QuantizedLinear } from "./quantized-linear.ts";
export { checkKeys, type StateSource, sourceOf } from "./state-dict.ts";
