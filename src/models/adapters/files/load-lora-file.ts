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
  hashOfFiles,
  type LoadAdapterOptions,
  loadWithConfig,
} from "./load-adapter.ts";

/** Options of {@link loadLoraFile}. */
export interface LoadLoraFileOptions extends LoadAdapterOptions {
  /** Alpha for a file that has none. Default: each layer's rank, and so a scale of 1, with a warning. */
  readonly alpha?: number | undefined;
}

/** The metadata key under which diffusers stores an adapter's configuration. */
const METADATA = "lora_adapter_metadata";

/**
 * Adds an adapter to a model from a single file of diffusers, kohya's scripts, OneTrainer, SimpleTuner, LyCORIS, ComfyUI or the
 * script of PixArt-alpha (docs/adapters.md lists the formats). A file for the transformer may contain tensors for the text
 * encoder, or the other way round: they are skipped with a warning; `loadAdapters()` loads both. For a file in a PEFT folder, the
 * configuration next to it applies. Throws as {@link loadAdapter} does.
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

/** An adapter that was added to a model, and the keys of its file that belong to another model. */
export interface AttachedFile {
  readonly adapter: Adapter;
  readonly others: readonly string[];
}

/** Options of {@link attachFile}. */
export interface AttachFileOptions extends LoadLoraFileOptions {
  readonly onWarning: (message: string) => void;
  /** Only use tensors of this model of the pipeline. Default: all. */
  readonly only?: Component | undefined;
}

/** As {@link loadLoraFile}, but leaves tensors for another model to the caller. */
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
  const from = { ...options, place: path, filesHash: hashOfFiles(path) };
  if (config !== undefined) {
    const layout = layoutOf(model, config);
    return { adapter: attachArranged(model, arranged, { ...from, config, layout }), others };
  }
  if ([...arranged.layers.values()].some((tensors) => tensors.has(ALPHA))) refuseAlpha(path, alpha);
  const found = layoutOfFile(model, arranged, alpha);
  if (found.layout.size === 0) throw nothingFor(model, file, arranged);
  const adapter = attachArranged(model, arranged, {
    ...from,
    config: fileConfig(model, arranged, found),
    layout: found.layout,
  });
  warnOfAlpha(found, file, onWarning);
  return { adapter, others };
}

/** Tensors that only adapters have, by the start of their names. */
const marks = /^(?:lora_|hada_|lokr_|oft_|diff|dora_scale)/;

/** The models that an adapter's file has tensors for, by its keys; undefined if the file is not an adapter. */
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

/** Warns if alpha was assumed. */
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
    `${file.path}: there is no alpha in the file or next to it${which}: the rank is assumed, and so a scale of 1${hint}`,
  );
}

const metadataOf = (file: WeightsFile): Readonly<Record<string, string>> =>
  file instanceof SafetensorsFile ? file.metadata : {};

/** The configuration that diffusers stored with the weights for this model of the pipeline, if any. */
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
