import { join, posix } from "node:path";
import { resolveModel, type WantedFile } from "../hub/index.ts";
import { construct, type Module, type StateSource } from "../nn/index.ts";
import type { Device, DType } from "../torch/index.ts";
import {
  type ConfigObject,
  loadModelFolder,
  openWeightsFile,
  type TypedWeights,
  type WeightsBaseName,
  type WeightsFile,
  weightsFileNames,
  weightsOfFile,
} from "../weights/index.ts";
import type { FoundModel, SingleFileFacts, SingleFileOptions } from "./single-file.ts";

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

/** How {@link loadPretrained} makes one kind of model. */
export interface PretrainedKind<M extends Module> {
  readonly baseName: WeightsBaseName;
  /** Makes the model that a configuration describes; `path` names the file in errors. */
  readonly build: (config: ConfigObject, path: string) => M;
  /** The model's weights, where the file's layout is not the model's own. */
  readonly arrange?: (weights: TypedWeights, model: M) => StateSource;
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
  model.loadStateDict(arrange(weightsOfFile(files, { device }), model));
  return model;
}

/** How {@link loadSingleFile} reads one kind of model. */
export interface SingleFileKind<M extends Module, C> {
  readonly read: (
    file: WeightsFile,
    facts: SingleFileFacts,
    device: Device | undefined,
  ) => FoundModel<C>;
  readonly build: (config: C) => M;
  /** The model's weights, where those that were read are not under the model's own keys. */
  readonly arrange?: (weights: TypedWeights, model: M) => StateSource;
}

/**
 * Loads a model from one file, whose layout and size are found out from it. Throws BadFileError for damaged files and those of
 * other models, and one error listing every missing, unexpected and mis-shaped weight.
 */
export function loadSingleFile<M extends Module, C>(
  path: string,
  options: SingleFileOptions,
  { read, build, arrange = (weights) => weights }: SingleFileKind<M, C>,
): M {
  const {
    dtype = "float32",
    device,
    ema,
    onWarning = (text) => process.emitWarning(text),
  } = options;
  using file = openWeightsFile(path, { ema });
  const { config, weights, dropped, assumptions } = read(file, options, device);
  const model = construct({ device: "meta", dtype }, () => build(config));
  model.loadStateDict(arrange(weights, model));
  for (const assumption of assumptions) onWarning(`${path}: ${assumption}`);
  const foreign = dropped.filter((name) => !followFromConfig.has(name));
  if (foreign.length > 0) onWarning(`${path}: left out ${foreign.join(", ")}`);
  return model;
}

/** Tensors of original files that no model of diffusers keeps: nothing is lost without them. */
const followFromConfig: ReadonlySet<string> = new Set(["pos_embed", "y_embedder.y_embedding"]);
