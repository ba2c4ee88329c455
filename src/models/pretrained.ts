import { join, posix } from "node:path";
import { expected } from "../errors/index.ts";
import { resolveModel, type WantedFile } from "../hub/index.ts";
import { construct, loadQuantized, type Module, type StateSource } from "../nn/index.ts";
import { type Device, type DType, fastestDType, requireDevice } from "../torch/index.ts";
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
import type { Warn } from "./config-fields.ts";
import { type LayerCount, parameterLimit, requireHeld } from "./held-layers.ts";
import type { FoundModel, SingleFileFacts, SingleFileOptions } from "./single-file.ts";
import { storedDType } from "./stored-dtype.ts";

/** Where a model's files are, and the device and dtype to load it to. */
export interface PretrainedOptions {
  /** `transformer`, `vae`, …: the folder of one component inside a pipeline. */
  readonly subfolder?: string | undefined;
  /** `fp16`, …: the part of the weight file's name before its extension. */
  readonly variant?: string | undefined;
  /** Branch, tag or commit of a model on the Hub. Default: `main`. */
  readonly revision?: string | undefined;
  /**
   * Default: float32, whatever the file holds. "auto": what the file holds, which takes no memory until it is used; "fastest":
   * see {@link fastestDType}.
   */
  readonly dtype?: DType | "auto" | "fastest" | undefined;
  /** Default: the CPU. */
  readonly device?: Device | undefined;
  /** Called with the unknown fields of `config.json`, which are ignored. Default: a Node warning. */
  readonly onWarning?: Warn | undefined;
}

/** Options of models that can be stored in less than their own precision. */
export interface QuantizedPretrainedOptions extends PretrainedOptions {
  /**
   * "int8": the large layers keep 8-bit weights, a quarter of float32's memory, and the model runs only on the CPU. It can then
   * neither be trained nor saved.
   */
  readonly quantize?: "int8" | undefined;
}

/** How {@link loadPretrained} loads one kind of model. */
export interface PretrainedKind<M extends Module, C> {
  readonly baseName: WeightsBaseName;
  /** Reads `config.json`; `path` names the file in errors and warnings. */
  readonly read: (config: ConfigObject, path: string, warn: Warn) => C;
  /** Layer counts to compare with the weights before the model is built. */
  readonly layers: (config: C) => readonly LayerCount[];
  /** Builds the model that a configuration describes. */
  readonly build: (config: C) => M;
  /** Converts the model's weights, if the file's layout is not the model's own. */
  readonly arrange?: (weights: TypedWeights, model: M) => StateSource;
  /** Keys of the linear layers that `quantize` applies to. */
  readonly quantizable?: RegExp;
  /** What dtype "auto" takes for files of dtypes in which the model can't run. */
  readonly insteadOf?: ReadonlyMap<DType, DType>;
}

const emitWarning: Warn = (message) => process.emitWarning(message);

/** The files of a model in a repository. */
export const pretrainedFiles = (
  baseName: WeightsBaseName,
  { subfolder = "", variant }: PretrainedOptions,
): readonly WantedFile[] =>
  [["config.json"], weightsFileNames(baseName, variant)].map((names) => ({
    names: names.map((name) => posix.join(subfolder, name)),
  }));

/**
 * Loads a model from a folder of diffusers or transformers, or from the Hub by its name, without initializing weights first.
 * Throws BadFileError for damaged files, HubError if a download fails, and one error listing every missing, unexpected and
 * mis-shaped weight.
 */
export async function loadPretrained<M extends Module, C>(
  folderOrName: string,
  options: QuantizedPretrainedOptions,
  kind: PretrainedKind<M, C>,
): Promise<M> {
  const { baseName, arrange = (weights) => weights, quantizable = /(?!)/, insteadOf } = kind;
  const { subfolder, variant, revision, quantize, onWarning = emitWarning } = options;
  const { device: asked } = options;
  requireCpu({ quantize, device: asked === "auto" ? requireDevice(asked) : asked });
  const device = asked === undefined ? undefined : requireDevice(asked);
  const wanted = { revision, files: pretrainedFiles(baseName, options) };
  const folder = await resolveModel(folderOrName, wanted);
  using files = loadModelFolder(folder, { baseName, subfolder, variant });
  const stored = weightsOfFile(files, { device });
  const { dtype = "float32" } = options;
  const wantedDType =
    dtype === "auto"
      ? storedDType(stored, files.path, insteadOf)
      : dtype === "fastest"
        ? fastestDType(device ?? "cpu")
        : dtype;
  const path = join(files.path, "config.json");
  const config = kind.read(files.config, path, onWarning);
  requireHeld(path, files.tensors.keys(), kind.layers(config));
  const onParameter = parameterLimit(path, files.tensors.size);
  const model = construct({ device: "meta", dtype: wantedDType, onParameter }, () =>
    kind.build(config),
  );
  const weights = arrange(stored, model);
  if (quantize === undefined) model.loadStateDict(weights);
  else loadQuantized(model, weights, quantizable);
  return model;
}

/** Quantized layers run only on the CPU; checked before anything is downloaded. */
function requireCpu({ quantize, device = "cpu" }: QuantizedPretrainedOptions): void {
  if (quantize !== undefined && quantize !== "int8") {
    throw expected('"int8"', "quantize", JSON.stringify(quantize));
  }
  if (quantize !== undefined && device !== "cpu") {
    throw expected("cpu", "device with quantize", device);
  }
}

/** How {@link loadSingleFile} reads one kind of model. */
export interface SingleFileKind<M extends Module, C> {
  readonly read: (
    file: WeightsFile,
    facts: SingleFileFacts,
    device: Device | undefined,
  ) => FoundModel<C>;
  readonly build: (config: C) => M;
  /** Converts the model's weights, if they are not under the model's own keys. */
  readonly arrange?: (weights: TypedWeights, model: M) => StateSource;
}

/**
 * Loads a model from one file, detecting its layout and size. Throws BadFileError for damaged files and those of other models,
 * and one error listing every missing, unexpected and mis-shaped weight.
 */
export function loadSingleFile<M extends Module, C>(
  path: string,
  options: SingleFileOptions,
  { read, build, arrange = (weights) => weights }: SingleFileKind<M, C>,
): M {
  const { dtype = "float32", ema, onWarning = emitWarning } = options;
  const device = options.device === undefined ? undefined : requireDevice(options.device);
  using file = openWeightsFile(path, { ema });
  const { config, weights, dropped, assumptions } = read(file, options, device);
  const onParameter = parameterLimit(path, file.tensors.size);
  const model = construct({ device: "meta", dtype, onParameter }, () => build(config));
  model.loadStateDict(arrange(weights, model));
  for (const assumption of assumptions) onWarning(`${path}: ${assumption}`);
  const foreign = dropped.filter((name) => !followFromConfig.has(name));
  if (foreign.length > 0) onWarning(`${path}: left out ${foreign.join(", ")}`);
  return model;
}

/** Tensors of original files that no diffusers model has, and that are not needed. */
const followFromConfig: ReadonlySet<string> = new Set(["pos_embed", "y_embedder.y_embedding"]);
