import { join, posix } from "node:path";
import { resolveModel, type WantedFile } from "../hub/index.ts";
import { construct, type Module, type StateSource } from "../nn/index.ts";
import type { Device, DType } from "../torch/index.ts";
import {
  type ConfigObject,
  loadModelFolder,
  type ModelFolder,
  type WeightsBaseName,
  weightsFileNames,
} from "../weights/index.ts";

/** Where a model's files are, and where and as what it is wanted. */
export interface PretrainedOptions {
  /** `transformer`, `vae`, …: the folder of one component inside a pipeline. */
  readonly subfolder?: string | undefined;
  /** `fp16`, …: the part of the weight file's name before its extension. */
  readonly variant?: string | undefined;
  /** Of a model on the Hub: a branch, a tag or a commit; `main` if left out. */
  readonly revision?: string | undefined;
  /** float32 if left out, whatever the file holds. */
  readonly dtype?: DType | undefined;
  /** The CPU if left out. */
  readonly device?: Device | undefined;
}

/** The tensors of a folder as weights for a module, read straight to `device`. */
export const weightsOf = (folder: ModelFolder, device?: Device): StateSource => ({
  keys: () => folder.tensors.keys(),
  shape: (key) => folder.tensors.get(key)?.shape ?? [],
  tensor: (key) => folder.tensor(key, { device }),
});

/** How {@link loadPretrained} makes one kind of model. */
export interface PretrainedKind<M extends Module> {
  readonly baseName: WeightsBaseName;
  /** Makes the model that a configuration describes; `path` names the file in errors. */
  readonly build: (config: ConfigObject, path: string) => M;
  /** The model's weights, where the file's layout is not the model's own. */
  readonly arrange?: (weights: StateSource, model: M) => StateSource;
}

/** The files of a model in a repository. */
export const pretrainedFiles = (
  baseName: WeightsBaseName,
  { subfolder = "", variant }: PretrainedOptions,
): readonly WantedFile[] =>
  [["config.json"], weightsFileNames(baseName, variant)].map((names) => ({
    names: names.map((name) => posix.join(subfolder, name)),
  }));

/**
 * Loads a model from a folder of diffusers or transformers, or from the Hub by its name, without drawing weights first.
 * Throws BadFileError for damaged files, HubError for what cannot be downloaded, and one error listing every missing,
 * unexpected and mis-shaped weight.
 */
export async function loadPretrained<M extends Module>(
  folderOrName: string,
  options: PretrainedOptions,
  { baseName, build, arrange = (weights) => weights }: PretrainedKind<M>,
): Promise<M> {
  const { subfolder, variant, revision, dtype = "float32", device } = options;
  const wanted = { revision, files: pretrainedFiles(baseName, options) };
  const folder = await resolveModel(folderOrName, wanted);
  using files = loadModelFolder(folder, { baseName, subfolder, variant });
  const model = construct({ device: "meta", dtype }, () =>
    build(files.config, join(files.path, "config.json")),
  );
  model.loadStateDict(arrange(weightsOf(files, device), model));
  return model;
}
