export {
  type ControlOutputs,
  type ControlStates,
  type FromTransformerOptions,
  PixArtControlNetAdapterBlock,
  PixArtControlNetAdapterModel,
} from "./adapter.ts";
export type { PixArtControlNetConfig } from "./config.ts";
export { type PixArtControlNetInputs, PixArtControlNetTransformerModel } from "./transformer.ts";
