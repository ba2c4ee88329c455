import { InvalidValueError } from "../../../errors/index.ts";
import type { Module } from "../../../nn/index.ts";
import {
  BadFileError,
  type ConfigObject,
  openWeightsFile,
  parseConfig,
  SafetensorsFile,
  type WeightsFile,
} from "../../../weights/index.ts";
import type { Adapter } from "../adapter.ts";
import type { AdapterConfig } from "../config/config.ts";
import { parseAdapterConfig } from "../config/config-file.ts";
import { layoutOf } from "../layout.ts";
import { type ArrangedFile, arrange } from "./arrange.ts";
import { fileConfig } from "./file-config.ts";
import { ALPHA, type Component, parseFileKey } from "./file-keys.ts";
import { type FileLayout, layoutOfFile } from "./file-layout.ts";
import {
  attachArranged,
  folderOf,
  type LoadAdapterOptions,
  loadWithConfig,
} from "./load-adapter.ts";

/** How {@link loadLoraFile} takes a LoRA. */
export interface LoadLoraFileOptions extends LoadAdapterOptions {
  /** Alpha of a file that has none; each layer's rank, and so a scale of 1, with a warning, if left out. */
  readonly alpha?: number | undefined;
}

/** The metadata in which diffusers keeps an adapter's configuration. */
const METADATA = "lora_adapter_metadata";

/**
 * Puts an adapter on a model that is one file: as diffusers, kohya's scripts, OneTrainer, SimpleTuner, LyCORIS, ComfyUI and
 * the script of PixArt-alpha write it (docs/adapters.md lists the forms). Tensors for the text encoder in a file for
 * the transformer, and the other way round, are left out with a warning: `loadAdapters()` puts both on. A file in a folder of
 * PEFT goes by the configuration beside it. Throws as {@link loadAdapter} does.
 */
export async function loadLoraFile(
  model: Module,
  path: string,
  options: LoadLoraFileOptions = {},
): Promise<Adapter> {
  const { onWarning = (message: string) => process.emitWarning(message) } = options;
  const { adapter, others } = attachFile(model, path, { ...options, onWarning });
  if (others.length > 0) {
    onWarning(
      `${path}: left out ${others.length} tensors for another model than ${model.constructor.name}: ${others.slice(0, 3).join(", ")}${others.length > 3 ? ", …" : ""}; loadAdapters() puts both on a pipeline`,
    );
  }
  return adapter;
}

/** An adapter that was put on a model, and the keys of its file that are another model's. */
export interface AttachedFile {
  readonly adapter: Adapter;
  readonly others: readonly string[];
}

/** How {@link attachFile} takes a file. */
export interface AttachFileOptions extends LoadLoraFileOptions {
  readonly onWarning: (message: string) => void;
  /** The model of the pipeline whose tensors alone are meant; all, if left out. */
  readonly only?: Component | undefined;
}

/** {@link loadLoraFile}, which leaves to the caller what becomes of tensors for another model. */
export function attachFile(model: Module, path: string, options: AttachFileOptions): AttachedFile {
  const { alpha, onWarning, only } = options;
  const folder = folderOf(path);
  if (folder !== undefined) {
    refuseAlpha(path, alpha);
    return { adapter: loadWithConfig(model, path, folder, options), others: [] };
  }
  using file = openWeightsFile(path);
  const arranged = arrange(model, file, only);
  const { others } = arranged;
  if (METADATA in metadataOf(file)) refuseAlpha(path, alpha);
  const config = metadataConfig(file, arranged.component);
  if (config !== undefined) {
    const layout = layoutOf(model, config);
    return {
      adapter: attachArranged(model, arranged, { ...options, config, layout, place: path }),
      others,
    };
  }
  if ([...arranged.layers.values()].some((tensors) => tensors.has(ALPHA))) refuseAlpha(path, alpha);
  const found = layoutOfFile(model, arranged, alpha);
  if (found.layout.size === 0) throw nothingFor(model, file, arranged);
  const adapter = attachArranged(model, arranged, {
    ...options,
    config: fileConfig(model, arranged, found),
    layout: found.layout,
    place: path,
  });
  warnOfAlpha(found, file, onWarning);
  return { adapter, others };
}

/** Tensors that only adapters have, by the start of what they are. */
const marks = /^(?:lora_|hada_|lokr_|oft_|diff|dora_scale)/;

/** What an adapter's file has tensors for, by what its keys say; undefined for a file that is no adapter's. */
export function componentsOf(path: string): ReadonlySet<Component | undefined> | undefined {
  using file = openWeightsFile(path);
  const keys = [...file.tensors.keys()].flatMap((key) => parseFileKey(key) ?? []);
  if (!keys.some(({ ending }) => marks.test(ending))) return undefined;
  return new Set(keys.map(({ component }) => component));
}

function nothingFor(model: Module, { path, tensors }: WeightsFile, arranged: ArrangedFile): Error {
  const keys = [...arranged.unknown, ...arranged.others, ...tensors.keys()].slice(0, 3).join(", ");
  return new BadFileError(
    path,
    "tensors",
    `an adapter (LoRA, DoRA, LoHa, LoKr or differences) for a layer of ${model.constructor.name}`,
    `none in ${tensors.size} tensors: ${keys}${tensors.size > 3 ? ", …" : ""}`,
  );
}

/** Says that alpha was assumed, where nobody said it. */
function warnOfAlpha(
  { withoutAlpha, ranks }: FileLayout,
  file: WeightsFile,
  onWarning: (message: string) => void,
): void {
  if (withoutAlpha.length === 0) return;
  const noted = metadataOf(file).ss_network_alpha;
  const hint =
    noted === undefined
      ? ""
      : ` (ss_network_alpha in its metadata, ${noted}, is not read by other programs either)`;
  const which =
    withoutAlpha.length === ranks.size ? "" : ` for ${withoutAlpha.length} of ${ranks.size} layers`;
  onWarning(
    `${file.path}: no alpha is in the file or beside it${which}: the rank is assumed, and so a scale of 1${hint}`,
  );
}

const metadataOf = (file: WeightsFile): Readonly<Record<string, string>> =>
  file instanceof SafetensorsFile ? file.metadata : {};

/** What diffusers wrote down beside the weights for this model of the pipeline, if it did. */
function metadataConfig(
  file: WeightsFile,
  component: ArrangedFile["component"],
): AdapterConfig | undefined {
  const text = metadataOf(file)[METADATA];
  if (text === undefined) return undefined;
  const place = `${METADATA} of ${file.path}`;
  const isText = component === "text_encoder";
  const fields = Object.entries(parseConfig(text) as ConfigObject).flatMap(([key, value]) => {
    const [, prefix, field = key] = /^(transformer|unet|text_encoder)\.(.*)$/.exec(key) ?? [];
    const isOther = prefix !== undefined && (prefix === "text_encoder") !== isText;
    return isOther ? [] : [[field, value] as const];
  });
  if (fields.length === 0) return undefined;
  return parseAdapterConfig({ peft_type: "LORA", ...Object.fromEntries(fields) }, place);
}

function refuseAlpha(path: string, alpha: number | undefined): void {
  if (alpha === undefined) return;
  throw new InvalidValueError(
    `Expected no alpha for a file that has its own, ${path}, but received ${alpha}`,
  );
}
