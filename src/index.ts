/** `pixart`: models, samplers, pipelines and training of PixArt-α. The engine itself is `pixart/torch`. */
export {
  DatasetError,
  DistributedError,
  RunError,
  type RunErrorCode,
  VerificationError,
  WorkerEndedError,
} from "./errors/index.ts";
export * from "./errors/public.ts";
export { DiskFullError, FileWriteError } from "./files/write-error.ts";
export {
  HubError,
  HubUnreachableError,
  type ResolveOptions,
  resolveModel,
  UnknownRepositoryError,
  UnknownRevisionError,
  type WantedFile,
} from "./hub/index.ts";
export {
  type ContactSheetOptions,
  contactSheet,
  decodeMask,
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
export { DivergedError } from "./training/loop/diverged.ts";
export { pipelineFromRun, train } from "./training/on-demand.ts";
export { RunLostError } from "./training/run-folder/run-lost-error.ts";
export type { RunPipeline } from "./training/run-pipeline.ts";
export type { TrainOptions, TrainOutcome } from "./training/train.ts";
export {
  BadFileError,
  MissingFileError,
  readSafetensors,
  writeSafetensors,
} from "./weights/index.ts";
