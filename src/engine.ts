/** `pixart/torch`: the engine and the layers, for models of one's own. */
export * as nn from "./nn/index.ts";
export * as torch from "./torch/index.ts";
export { Tensor, tidy } from "./torch/index.ts";
