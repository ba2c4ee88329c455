/** `pixart/torch`: the engine and the layers, for models of one's own. */
export * from "./errors/public.ts";
export * as nn from "./nn/index.ts";
export * as torch from "./torch/index.ts";
export { Tensor, tidy } from "./torch/index.ts";
