export {
  type ConfigObject,
  type ConfigValue,
  formatConfig,
  parseConfig,
  readConfig,
  writeConfig,
} from "../files/reading/config-json.ts";
export { BadFileError, MissingFileError } from "../files/reading/errors.ts";
export {
  hasVariant,
  loadModelFolder,
  ModelFolder,
  type ModelFolderContent,
  type ModelFolderOptions,
  saveModelFolder,
  type WeightsBaseName,
  weightFiles,
  weightsFileNames,
} from "./diffusers-folder.ts";
export {
  joinWeights,
  type KeyRule,
  placeOfKey,
  selectKeys,
  splitWeights,
  type TypedWeights,
  weightsOfFile,
} from "./key-table.ts";
export { type LazyTensor, lazyTensors, writeLazySafetensors } from "./lazy-tensors.ts";
export {
  type ReadOptions,
  readSafetensors,
  SafetensorsFile,
  toTensorBytes,
  writeSafetensors,
} from "./safetensors/safetensors.ts";
export type { TensorEntry, TensorSpec } from "./safetensors/safetensors-header.ts";
export { writeTorchFile } from "./torch-file/torch-file-writer.ts";
export { openWeightsFile, type WeightsFile, type WeightsFileOptions } from "./weights-file.ts";
