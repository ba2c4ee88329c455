/** `pixart`: models, samplers, pipelines and training of PixArt-α. The engine itself is `pixart/torch`. */
export { HubError, type ResolveOptions, resolveModel, type WantedFile } from "./hub/index.ts";
export {
  type ContactSheetOptions,
  contactSheet,
  ImageError,
  type PictureMetadata,
  RgbImage,
  readPictureMetadata,
  type SavedPictureMetadata,
  sobelEdges,
} from "./images/index.ts";
export * from "./models/index.ts";
export * from "./optim/index.ts";
export * from "./pipelines/index.ts";
export * from "./schedulers/index.ts";
export { cleanCaption, prepareCaption, T5Tokenizer } from "./text/index.ts";
export { TensorDisposedError, TorchError } from "./torch/index.ts";
export { pipelineFromRun, train } from "./training/on-demand.ts";
export { BadFileError, readSafetensors, writeSafetensors } from "./weights/index.ts";
