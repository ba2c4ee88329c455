import type { Module, StateSource } from "../../nn/index.ts";
import * as torch from "../../torch/index.ts";
import {
  BadFileError,
  type ConfigObject,
  parseConfig,
  readSafetensors,
  type SafetensorsFile,
} from "../../weights/index.ts";
import { type Adapter, peftKey } from "./adapter.ts";
import { type AdapterConfig, adapterConfig } from "./config.ts";
import { parseAdapterConfig } from "./config-file.ts";
import { attachFrom, type LoadAdapterOptions } from "./load-adapter.ts";
import { A, B, MAGNITUDE } from "./lora.ts";
import { productLayers } from "./targets.ts";

/** How {@link loadLoraFile} takes a LoRA. */
export interface LoadLoraFileOptions extends LoadAdapterOptions {
  /** Alpha of a file that has none; each layer's rank, and so a scale of 1, if left out. */
  readonly alpha?: number | undefined;
}

/** Before the layer's name: of the paper's script, of PEFT, of diffusers. */
const prefixes = ["unet.base_model.model.", "base_model.model.", "transformer.", "unet."];

/** Before the layer's name with underscores for dots: of OneTrainer, of kohya and diffusers, of SimpleTuner. */
const flatPrefixes = ["lora_transformer_", "lora_unet_", "lycoris_"];

const ALPHA = "alpha";

/** Behind the layer's name: of PEFT, of diffusers, of kohya. */
const endings: ReadonlyMap<string, string> = new Map([
  ["lora_A.weight", A],
  ["lora.down.weight", A],
  ["lora_down.weight", A],
  ["lora_B.weight", B],
  ["lora.up.weight", B],
  ["lora_up.weight", B],
  ["lora_magnitude_vector", MAGNITUDE],
  ["lora_magnitude_vector.weight", MAGNITUDE],
  ["alpha", ALPHA],
]);

/** The metadata in which diffusers keeps an adapter's configuration. */
const METADATA = "lora_adapter_metadata";

/**
 * Puts a LoRA on a model that is one safetensors file, as diffusers, kohya's scripts, OneTrainer and the script of
 * PixArt-alpha write it: `pytorch_lora_weights.safetensors`. Throws as {@link loadAdapter} does.
 */
export async function loadLoraFile(
  model: Module,
  path: string,
  { alpha, name = "default", scale = 1, trainable = false }: LoadLoraFileOptions = {},
): Promise<Adapter> {
  using file = readSafetensors(path);
  const { layers, unknown } = arrange(model, file);
  const config = metadataConfig(file, alpha) ?? configOf(layers, file, alpha);
  const keys = new Map<string, string>(unknown.map((key) => [key, key]));
  for (const [layer, tensors] of layers) {
    for (const [ending, key] of tensors) {
      if (ending !== ALPHA) keys.set(peftKey(layer, ending), key);
    }
  }
  const find = (key: string): string => keys.get(key) ?? key;
  const source: StateSource = {
    keys: () => keys.keys(),
    shape: (key) => file.entry(find(key)).shape,
    tensor: (key) => file.tensor(find(key)),
  };
  return attachFrom(model, source, { config, place: path, name, scale, trainable });
}

interface Arranged {
  /** Keys of the file by what they are, by layer. */
  readonly layers: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly unknown: readonly string[];
}

function arrange(model: Module, file: SafetensorsFile): Arranged {
  const layers = new Map<string, Map<string, string>>();
  const unknown: string[] = [];
  const names = productLayers(model).map(([name]) => name);
  const flat = new Map(names.map((name) => [name.replaceAll(".", "_"), name]));
  for (const key of file.tensors.keys()) {
    const ending = [...endings.keys()].find((end) => key.endsWith(`.${end}`));
    const start = ending === undefined ? "" : key.slice(0, -ending.length - 1);
    const prefix = prefixes.find((one) => start.startsWith(one));
    const flatPrefix = flatPrefixes.find((one) => start.startsWith(one));
    const name =
      flatPrefix === undefined
        ? start.slice(prefix?.length ?? 0)
        : flat.get(start.slice(flatPrefix.length));
    const kind = endings.get(ending ?? "");
    if (kind === undefined || name === undefined) unknown.push(key);
    else layers.set(name, (layers.get(name) ?? new Map<string, string>()).set(kind, key));
  }
  return { layers, unknown };
}

/** What diffusers wrote down beside the weights, if it did. */
function metadataConfig(
  file: SafetensorsFile,
  alpha: number | undefined,
): AdapterConfig | undefined {
  const text = file.metadata[METADATA];
  if (text === undefined) return undefined;
  refuseAlpha(file, alpha);
  const place = `${METADATA} of ${file.path}`;
  const fields = Object.entries(parseConfig(text) as ConfigObject).map(([key, value]) => [
    key.replace(/^(transformer|unet)\./, ""),
    value,
  ]);
  return parseAdapterConfig({ peft_type: "LORA", ...Object.fromEntries(fields) }, place);
}

/** What ranks and alphas of the file say. */
function configOf(
  layers: Arranged["layers"],
  file: SafetensorsFile,
  alpha: number | undefined,
): AdapterConfig {
  const pairs = [...layers].filter(([, tensors]) => tensors.has(A));
  if (pairs.length === 0) {
    throw new BadFileError(
      file.path,
      "tensors",
      "a LoRA, lora_A or lora_down, for a layer",
      `none in ${file.tensors.size} tensors`,
    );
  }
  const ranks: Record<string, number> = {};
  const alphas: Record<string, number> = {};
  for (const [name, tensors] of pairs) {
    const pattern = `^${name.replaceAll(".", "\\.")}`;
    const rank = file.entry(tensors.get(A) ?? "").shape[0] ?? 0;
    const key = tensors.get(ALPHA);
    if (key !== undefined) refuseAlpha(file, alpha);
    ranks[pattern] = rank;
    alphas[pattern] =
      key === undefined ? (alpha ?? rank) : torch.tidy(() => file.tensor(key).float()).item();
  }
  const [r = 1] = Object.values(ranks);
  const [loraAlpha = 1] = Object.values(alphas);
  return adapterConfig({
    peftType: "LORA",
    targetModules: pairs.map(([name]) => name),
    r,
    loraAlpha,
    rankPattern: others(ranks, r),
    alphaPattern: others(alphas, loraAlpha),
    useDora: pairs.some(([, tensors]) => tensors.has(MAGNITUDE)),
  });
}

function refuseAlpha({ path }: SafetensorsFile, alpha: number | undefined): void {
  if (alpha === undefined) return;
  throw new Error(`Expected no alpha for a file that has its own, ${path}, but received ${alpha}`);
}

const others = (values: Record<string, number>, usual: number): Record<string, number> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== usual));
