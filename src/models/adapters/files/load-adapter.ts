import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { IncompatibleError, InternalError } from "../../../errors/index.ts";
import { checkKeys, type Module, type StateSource } from "../../../nn/index.ts";
import * as torch from "../../../torch/index.ts";
import { BadFileError, openWeightsFile } from "../../../weights/index.ts";
import { shortHash } from "../../../weights/short-hash.ts";
import { type Adapter, type AppliedAdapter, peftKey, WEIGHTS_FILE } from "../adapter.ts";
import { attachLayout, refuseUntrainable, train } from "../add-adapter.ts";
import type { AdapterConfig } from "../config/config.ts";
import { CONFIG_FILE, readAdapterConfig } from "../config/config-file.ts";
import { valueFor } from "../config/targets.ts";
import { MAGNITUDE } from "../kinds/decomposed.ts";
import { type Layout, layoutOf } from "../layout.ts";
import { type ArrangedFile, arrange, type FileTensor } from "./arrange.ts";
import { ALPHA, DORA_SCALE } from "./file-keys.ts";
import { otherBase } from "./other-base.ts";

/** Options of {@link loadAdapter}. */
export interface LoadAdapterOptions {
  /** Its name here; files don't store it. */
  readonly name?: string | undefined;
  /** Factor on what it adds. Default 1. */
  readonly scale?: number | undefined;
  /** Whether training continues, which freezes the model's own weights. */
  readonly trainable?: boolean | undefined;
  /** Called with what was assumed, and what was skipped because it is for another model. Default: `process.emitWarning`. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** The older form of {@link WEIGHTS_FILE}, a pickle. */
const PICKLED_FILE = "adapter_model.bin";

/**
 * Adds an adapter to a model from a folder that PEFT or {@link Adapter.save} wrote. Its tensors become float32, on the device of
 * their layers. Throws BadFileError for damaged files, one error that lists all options that are not understood, and one that
 * lists all missing, unexpected and mis-shaped tensors; the model is then as it was.
 */
export async function loadAdapter(
  model: Module,
  folder: string,
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  return loadWithConfig(model, weightsFile(folder), folder, options);
}

/** The folder whose configuration applies to a file of weights: the one it is in, if the file has PEFT's name. */
export function folderOf(path: string): string | undefined {
  const folder = dirname(path);
  const isPefts = [WEIGHTS_FILE, PICKLED_FILE].includes(basename(path).toLowerCase());
  return isPefts && existsSync(join(folder, CONFIG_FILE)) ? folder : undefined;
}

/** The same for a file of weights with the configuration of its folder. */
export function loadWithConfig(
  model: Module,
  path: string,
  folder: string,
  options: LoadAdapterOptions,
): Adapter {
  const config = readAdapterConfig(folder);
  using file = openWeightsFile(path);
  const { layers, others, unknown } = arrange(model, file);
  return attachArranged(
    model,
    { layers, unknown: [...unknown, ...others] },
    {
      ...options,
      config,
      layout: layoutOf(model, config),
      place: folder,
      filesHash: hashOfFiles(path, folder),
    },
  );
}

/** The file with the weights of a PEFT folder. */
export function weightsFile(folder: string): string {
  const path = join(folder, WEIGHTS_FILE);
  const pickled = join(folder, PICKLED_FILE);
  return !existsSync(path) && existsSync(pickled) ? pickled : path;
}

/** The hash of an adapter's file and of the configuration in its folder, if that applies; computed on first use. */
export function hashOfFiles(path: string, folder?: string): () => Promise<string> {
  let hash: Promise<string> | undefined;
  return () => {
    hash ??= shortHash(folder === undefined ? [path] : [path, join(folder, CONFIG_FILE)]);
    return hash;
  };
}

/** Options of {@link attachArranged}. */
export interface AttachOptions extends LoadAdapterOptions {
  /** In PEFT's terms, if it has any for the adapter. */
  readonly config: AdapterConfig | undefined;
  readonly layout: Layout;
  /** Source of the weights, for errors. */
  readonly place: string;
  readonly filesHash: AppliedAdapter["hash"];
}

/** Adds an adapter with the tensors of a file to a model. Throws for every unused tensor. */
export function attachArranged(
  model: Module,
  arranged: Pick<ArrangedFile, "layers" | "unknown">,
  options: AttachOptions,
): Adapter {
  const { config, layout, place, filesHash } = options;
  const { name = "default", scale = 1, trainable = false } = options;
  if (config !== undefined) {
    if (trainable) refuseUntrainable(config);
    refuseOtherAlphas(arranged, config, place);
  }
  const shapes = new Map<string, readonly number[]>();
  for (const [layer, { plans }] of layout) {
    for (const { tensors } of plans) {
      for (const [key, { shape }] of tensors) shapes.set(peftKey(layer, key), shape);
    }
  }
  const source = sourceOf(arranged, shapes);
  try {
    checkKeys(`${model.constructor.name} as the adapter in ${place}`, shapes, source);
  } catch (error) {
    const reason = otherBase(model, arranged, layout);
    if (reason === undefined) throw error;
    throw new IncompatibleError(`The adapter in ${place} does not fit: ${reason}`, {
      cause: error,
    });
  }
  const adapter = attachLayout(
    model,
    { name, config, filesHash },
    layout,
    ({ tensors }, { weight: { device } }, layer) =>
      new Map(
        Array.from(tensors.keys(), (key) => [
          key,
          source.tensor(peftKey(layer, key)).to({ device, dtype: "float32" }),
        ]),
      ),
  );
  try {
    adapter.scale = scale;
  } catch (error) {
    adapter.remove();
    throw error;
  }
  return trainable ? train(model, adapter) : adapter;
}

/** A file may repeat the alpha of its configuration, but not contradict it. */
function refuseOtherAlphas(
  { layers }: Pick<ArrangedFile, "layers">,
  config: AdapterConfig,
  place: string,
): void {
  if (config.peftType === "OFT") return;
  const { alphaPattern } = config;
  const usual = config.peftType === "LORA" ? config.loraAlpha : config.alpha;
  for (const [name, tensors] of layers) {
    const own = tensors.get(ALPHA);
    if (own === undefined) continue;
    const alpha = torch.tidy(() => own.read().float().item());
    const noted = valueFor(alphaPattern, name, usual, "alphaPattern");
    if (Math.fround(noted) !== Math.fround(alpha)) {
      const expected = `${noted}, as the configuration says`;
      throw new BadFileError(place, `tensor ${JSON.stringify(own.key)}`, expected, `${alpha}`);
    }
  }
}

/** The parts' names for tensors that have other names in files. */
const partKeys: ReadonlyMap<string, string> = new Map([[DORA_SCALE, MAGNITUDE]]);

/** A file's tensors under PEFT's keys, reshaped as wanted if they differ only in dimensions of 1 or in flattened kernels. */
function sourceOf(
  { layers, unknown }: Pick<ArrangedFile, "layers" | "unknown">,
  wanted: ReadonlyMap<string, readonly number[]>,
): StateSource {
  const tensors = new Map<string, FileTensor>();
  for (const [layer, found] of layers) {
    for (const [ending, tensor] of found) {
      if (ending === ALPHA) continue;
      const inside = peftKey(layer, `base_layer.${ending}`);
      const key = wanted.has(inside) ? inside : peftKey(layer, partKeys.get(ending) ?? ending);
      tensors.set(wanted.has(key) ? key : tensor.key, tensor);
    }
  }
  const shape = (key: string): readonly number[] => {
    const { shape: own = [] } = tensors.get(key) ?? {};
    const other = wanted.get(key);
    return other !== undefined && isSameButForm(own, other) ? other : own;
  };
  return {
    keys: () => [...tensors.keys(), ...unknown],
    shape,
    tensor: (key) => {
      const tensor = tensors.get(key);
      if (tensor === undefined) throw new InternalError(`Expected a known key but received ${key}`);
      return tensor.read().reshape(shape(key));
    },
  };
}

const product = (sizes: readonly number[]): number => sizes.reduce((all, one) => all * one, 1);

/** Whether two shapes are equal except for dimensions of 1, or have the same rows with the rest flattened. */
function isSameButForm(own: readonly number[], wanted: readonly number[]): boolean {
  const [a, b] = [own, wanted].map((sizes) => sizes.filter((one) => one !== 1).join());
  return a === b || (own.length === 2 && own[0] === wanted[0] && product(own) === product(wanted));
}
