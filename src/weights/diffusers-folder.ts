import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../files/make-folder.ts";
import { type ConfigObject, readConfig, writeConfig } from "../files/reading/config-json.ts";
import { BadFileError, quote } from "../files/reading/errors.ts";
import { removeFile } from "../files/remove.ts";
import { replaceFile } from "../files/replace-file.ts";
import { syncFolder } from "../files/sync-folder.ts";
import type { Tensor } from "../torch/index.ts";
import { type ReadOptions, toTensorBytes } from "./safetensors/safetensors.ts";
import { encodeSafetensors } from "./safetensors/safetensors-bytes.ts";
import { byteSize, type TensorSpec } from "./safetensors/safetensors-header.ts";
import { readShardIndex, splitShards } from "./safetensors/shard-index.ts";
import { openWeightsFile, type WeightsFile } from "./weights-file.ts";

/** The weight files' stem: the first in diffusers' models, the second in transformers'. */
export type WeightsBaseName = "diffusion_pytorch_model" | "model";

/** Selects one of a folder's models. */
export interface ModelFolderOptions {
  readonly baseName: WeightsBaseName;
  /** `transformer`, `vae`, …: the folder of one component inside a pipeline. */
  readonly subfolder?: string | undefined;
  /** `fp16`, …: the part of the file name before its extension. */
  readonly variant?: string | undefined;
}

/** A model folder written by diffusers or transformers: a configuration, and tensors in one or more files. */
export class ModelFolder {
  readonly path: string;
  readonly config: ConfigObject;
  /** By name, over all files. */
  readonly tensors: ReadonlyMap<string, TensorSpec>;
  readonly #owners: ReadonlyMap<string, WeightsFile>;
  readonly #files: readonly WeightsFile[];

  constructor(path: string, config: ConfigObject, files: readonly WeightsFile[]) {
    const owners = new Map<string, WeightsFile>();
    const tensors = new Map<string, TensorSpec>();
    for (const file of files) {
      for (const [name, entry] of file.tensors) {
        const owner = owners.get(name);
        if (owner !== undefined) {
          throw new BadFileError(
            file.path,
            `tensor ${quote(name)}`,
            "each tensor in one file",
            `it in ${owner.path} too`,
          );
        }
        owners.set(name, file);
        tensors.set(name, entry);
      }
    }
    this.path = path;
    this.config = config;
    this.tensors = tensors;
    this.#owners = owners;
    this.#files = files;
  }

  /** Reads one tensor. Throws BadFileError if no file has it. */
  tensor(name: string, options?: ReadOptions): Tensor {
    const file = this.#owners.get(name);
    if (file === undefined) {
      throw new BadFileError(
        this.path,
        `tensor ${quote(name)}`,
        "a tensor of that name",
        `${this.tensors.size} others`,
      );
    }
    return file.tensor(name, options);
  }

  /** Closes the files; tensors that were read stay valid. */
  close(): void {
    for (const file of this.#files) file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Opens a model folder; reads its configuration and headers, no data. Throws BadFileError for missing or damaged files. */
export function loadModelFolder(
  folder: string,
  { baseName, subfolder = "", variant }: ModelFolderOptions,
): ModelFolder {
  const path = join(folder, subfolder);
  const config = readConfig(join(path, "config.json"));
  const files: WeightsFile[] = [];
  try {
    for (const [file, expected] of weightFiles(path, baseName, variant)) {
      const opened = openWeightsFile(join(path, file));
      files.push(opened);
      for (const name of expected) {
        if (opened.tensors.has(name)) continue;
        throw new BadFileError(
          opened.path,
          `tensor ${quote(name)}`,
          "a tensor of that name",
          `${opened.tensors.size} others`,
        );
      }
    }
    return new ModelFolder(path, config, files);
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
}

/**
 * Names of a folder's weight files, each with the tensors that the index lists for it. As in diffusers, safetensors take precedence
 * over pickles. Throws BadFileError if there are none.
 */
export function weightFiles(
  path: string,
  baseName: WeightsBaseName,
  variant: string | undefined,
): ReadonlyMap<string, readonly string[]> {
  const tried: string[] = [];
  for (const format of ["safetensors", "bin"] as const) {
    const single = weightsFileName(baseName, variant, format);
    const index = indexFileName(baseName, variant, format);
    const hasSingle = existsSync(join(path, single));
    const hasIndex = existsSync(join(path, index));
    // Readers disagree about which of the two takes precedence, and one of them is left over from an older save.
    if (hasSingle && hasIndex) {
      const advice = "remove the stale one";
      throw new BadFileError(path, "weights", `${single} or ${index}`, "both", advice);
    }
    if (hasSingle) return new Map([[single, []]]);
    if (hasIndex) {
      const promised = new Map<string, string[]>();
      for (const [tensor, file] of readShardIndex(join(path, index))) {
        const names = promised.get(file);
        if (names === undefined) promised.set(file, [tensor]);
        else names.push(tensor);
      }
      return promised;
    }
    tried.push(single, index);
  }
  throw new BadFileError(path, "weights", tried.join(" or "), "none of them");
}

/** Input of saveModelFolder(). */
export interface ModelFolderContent {
  readonly config: ConfigObject;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly baseName: WeightsBaseName;
  readonly variant?: string | undefined;
  /** Above this the weights are split over several files with an index. Default: diffusers' 10 GB. */
  readonly maxShardBytes?: number | undefined;
}

/**
 * Writes a folder that diffusers, transformers and loadModelFolder() read. Weight files of an earlier save with the same name and
 * variant are replaced; each file appears whole or not at all. The values are those at the time of the call.
 */
export async function saveModelFolder(folder: string, content: ModelFolderContent): Promise<void> {
  const { baseName, variant, maxShardBytes = 10e9 } = content;
  const shards = splitShards(toTensorBytes(content.tensors), maxShardBytes);
  const index = indexFileName(baseName, variant, "safetensors");
  const written = new Set<string>();
  const owners: [tensor: string, file: string][] = [];
  let totalSize = 0;

  await makeFolder(folder);
  for (const [i, shard] of shards.entries()) {
    const file = weightsFileName(
      baseName,
      variant,
      "safetensors",
      shards.length > 1 ? [i + 1, shards.length] : undefined,
    );
    written.add(file);
    for (const [name, tensor] of shard) {
      owners.push([name, file]);
      totalSize += byteSize(tensor) ?? 0;
    }
    await replaceFile(join(folder, file), encodeSafetensors(shard, { format: "pt" }));
  }
  if (shards.length > 1) {
    written.add(index);
    await writeConfig(join(folder, index), {
      metadata: { total_size: totalSize },
      weight_map: Object.fromEntries(owners),
    });
  }
  await writeConfig(join(folder, "config.json"), content.config);
  await removeStale(folder, baseName, variant, written);
}

async function removeStale(
  folder: string,
  baseName: WeightsBaseName,
  variant: string | undefined,
  written: ReadonlySet<string>,
): Promise<void> {
  const stem = variant === undefined ? baseName : `${baseName}.${variant}`;
  const names = [indexFileName, weightsFileName].map((name) =>
    name(baseName, variant, "safetensors"),
  );
  for (const name of await readdir(folder)) {
    const isShard =
      name.startsWith(`${stem}-`) && /^-\d{5}-of-\d{5}\.safetensors$/.test(name.slice(stem.length));
    if ((isShard || names.includes(name)) && !written.has(name))
      await removeFile(join(folder, name));
  }
  await syncFolder(folder);
}

type WeightsFormat = "safetensors" | "bin";

/** Possible names of a model's weights, or of the index of their files, the best first. */
export const weightsFileNames = (
  baseName: WeightsBaseName,
  variant: string | undefined,
): readonly string[] =>
  (["safetensors", "bin"] as const).flatMap((format) => [
    weightsFileName(baseName, variant, format),
    indexFileName(baseName, variant, format),
  ]);

/** Whether a model's folder has weights of a variant. */
export const hasVariant = (folder: string, baseName: WeightsBaseName, variant: string): boolean =>
  weightsFileNames(baseName, variant).some((name) => existsSync(join(folder, name)));

// transformers has its own stem for pickles.
const stemOf = (baseName: WeightsBaseName, format: WeightsFormat): string =>
  baseName === "model" && format === "bin" ? "pytorch_model" : baseName;

function weightsFileName(
  baseName: WeightsBaseName,
  variant: string | undefined,
  format: WeightsFormat,
  shard?: readonly [number: number, count: number],
): string {
  const name = stemOf(baseName, format);
  const stem = variant === undefined ? name : `${name}.${variant}`;
  const [number, count] = (shard ?? []).map((n) => `${n}`.padStart(5, "0"));
  return shard === undefined ? `${stem}.${format}` : `${stem}-${number}-of-${count}.${format}`;
}

const indexFileName = (
  baseName: WeightsBaseName,
  variant: string | undefined,
  format: WeightsFormat,
): string =>
  `${stemOf(baseName, format)}.${format}.index${variant === undefined ? "" : `.${variant}`}.json`;
