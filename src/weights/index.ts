export {
  type ConfigObject,
  type ConfigValue,
  formatConfig,
  parseConfig,
  readConfig,
  writeConfig,
} from "./config-json.ts";
export {
  loadModelFolder,
  ModelFolder,
  type ModelFolderContent,
  type ModelFolderOptions,
  saveModelFolder,
  type WeightsBaseName,
  weightsFileNames,
} from "./diffusers-folder.ts";
export { BadFileError } from "./errors.ts";
export {
  type ReadOptions,
  readSafetensors,
  SafetensorsFile,
  writeSafetensors,
} from "./safetensors.ts";
export type { TensorEntry, TensorSpec } from "./safetensors-header.ts";
