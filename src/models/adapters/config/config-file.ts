import { join } from "node:path";
import type { Field } from "../../../files/reading/config-fields.ts";
import {
  BadFileError,
  type ConfigObject,
  readConfig,
  writeConfig,
} from "../../../weights/index.ts";
import { completeConfig } from "../../config-fields.ts";
import { adapterFields } from "./adapter-fields.ts";
import { consistent } from "./complete-config.ts";
import type { AdapterConfig } from "./config.ts";

/** The file of a PEFT folder that describes its adapter. */
export const CONFIG_FILE = "adapter_config.json";

/** The version of PEFT whose definitions and fields these are. */
const PEFT_VERSION = "0.21.2";

const fileKey = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Fields that don't affect what is computed from the weights. */
const bookkeeping: ReadonlySet<string> = new Set([
  "auto_mapping",
  "eva_config",
  "inference_mode",
  "megatron_core",
  "peft_version",
  "qalora_group_size",
  "revision",
  "runtime_config",
  "task_type",
]);

const isOff = (value: unknown): boolean =>
  value === null ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

/** An option of PEFT that is not implemented. A file may contain it as long as it is off. */
const off: Field<unknown> = {
  initial: null,
  expected: "null, false or nothing, because it is not supported,",
  accepts: isOff,
};

/**
 * Reads `adapter_config.json` of a PEFT folder. Throws BadFileError for a damaged file, and one error that lists all fields that
 * are not understood: those of other kinds of adapter, and those that would change the result.
 */
export function readAdapterConfig(folder: string): AdapterConfig {
  const path = join(folder, CONFIG_FILE);
  return parseAdapterConfig(readConfig(path), path);
}

/** The same for fields that were already read; `path` names their file in errors. */
export function parseAdapterConfig(json: ConfigObject, path: string): AdapterConfig {
  const fields = adapterFields(json.peft_type, `peft_type in ${path}`);
  const own = Object.keys(fields).filter((field) => fileKey(field) in json);
  const ownKeys = new Set(own.map(fileKey));
  const others = Object.keys(json).filter((key) => !ownKeys.has(key) && !bookkeeping.has(key));
  const completed = completeConfig<Record<string, unknown>>(
    { ...fields, ...Object.fromEntries(others.map((key) => [key, off])) },
    Object.fromEntries([
      ...own.map((field) => [field, json[fileKey(field)]]),
      ...others.map((key) => [key, json[key]]),
    ]),
    (field) => `${fileKey(field)} in ${path}`,
  );
  const config = Object.fromEntries(
    Object.keys(fields).map((field) => [field, completed[field]]),
  ) as unknown as AdapterConfig;
  if (config.peftType === "OFT") refuseOldRotation(json, path, config.useCayleyNeumann);
  return consistent(config);
}

/** Before 0.15 rotations had other parameters, and before 0.18 the series added up to another matrix. */
function refuseOldRotation(json: ConfigObject, path: string, usesSeries: boolean): void {
  const [major = 0, minor = 0] = `${json.peft_version ?? ""}`.split(".").map(Number);
  const isOlder = major === 0 && !(minor >= 18);
  if ("oft_block_size" in json && !(usesSeries && isOlder)) return;
  throw new BadFileError(
    path,
    "peft_version",
    "0.18 or newer for an OFT adapter",
    JSON.stringify(json.peft_version ?? null),
    "older PEFT computed something else from the same weights: train the adapter again",
  );
}

/** The model class that Python builds, and the module that has it. */
const parentLibraries: ReadonlyMap<string, string> = new Map([
  ["PixArtTransformer2DModel", "diffusers.models.transformers.pixart_transformer_2d"],
  ["DiTTransformer2DModel", "diffusers.models.transformers.dit_transformer_2d"],
  ["AutoencoderKL", "diffusers.models.autoencoders.autoencoder_kl"],
  ["T5EncoderModel", "transformers.models.t5.modeling_t5"],
]);

/** What PEFT writes for options that are not implemented here. */
const unused: Readonly<Record<AdapterConfig["peftType"], ConfigObject>> = {
  LORA: {
    alora_invocation_tokens: null,
    arrow_config: null,
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    kasa_config: null,
    layer_replication: null,
    loftq_config: {},
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: "megatron.core",
    monteclora_config: null,
    qalora_group_size: 16,
    target_parameters: null,
    trainable_token_indices: null,
    use_bdlora: null,
    use_qalora: false,
    velora_config: null,
  },
  LOHA: {},
  LOKR: {},
  OFT: {},
};

/** Writes `adapter_config.json` as PEFT does, for a model of class `baseClass`. */
export async function writeAdapterConfig(
  folder: string,
  config: AdapterConfig,
  baseClass: string,
): Promise<void> {
  const library = parentLibraries.get(baseClass);
  const own = Object.entries(config).map(([field, value]) => [fileKey(field), value]);
  await writeConfig(join(folder, CONFIG_FILE), {
    ...unused[config.peftType],
    ...Object.fromEntries(own),
    auto_mapping:
      library === undefined ? null : { base_model_class: baseClass, parent_library: library },
    inference_mode: true,
    peft_version: PEFT_VERSION,
    revision: null,
    task_type: null,
  });
}
