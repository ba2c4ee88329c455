import type { QuantizedPretrainedOptions } from "../../models/pretrained.ts";
import type { Scheduler } from "../../schedulers/index.ts";
import { isFloatingPoint, requireDevice } from "../../torch/index.ts";
import {
  checkOptions,
  isBoolean,
  isFunction,
  isObject,
  isText,
  type OptionCheck,
} from "../checks/known-options.ts";
import type { WeightsSource } from "../generation-record.ts";
import type { PixArtAlphaComponents } from "../pixart-alpha-components.ts";

/** Components to use instead of a folder's own, and how to load the others. `quantize` is for all but the autoencoder. */
export interface PixArtAlphaPretrainedOptions
  extends Partial<Omit<PixArtAlphaComponents, "scheduler">>,
    Omit<QuantizedPretrainedOptions, "subfolder"> {
  /**
   * Instead of the folder's own: a sampler, or its name for `schedulerNamed`, which takes its noise schedule from the folder's
   * `scheduler_config.json`. With a name, the folder's own may be one that isn't known here.
   */
  readonly scheduler?: Scheduler | string | undefined;
  /**
   * Whether the text encoder stays in memory between calls. Otherwise it is loaded for each new prompt and freed before
   * denoising. Default: it stays if its files are smaller than 1 GiB.
   */
  readonly keepTextEncoder?: boolean;
  /** Where a given transformer came from, for pictures' metadata. */
  readonly source?: WeightsSource;
}

const component = (example: string): OptionCheck => [
  `a loaded component, such as ${example},`,
  isObject,
];
const TEXT: OptionCheck = ["a text", isText];

/** Every option of loading a pipeline. The compiler keeps this list complete. */
const KNOWN: Readonly<Record<keyof PixArtAlphaPretrainedOptions, OptionCheck>> = {
  transformer: component("await PixArtTransformer2DModel.fromPretrained(…)"),
  controlnet: component("await PixArtControlNetAdapterModel.fromPretrained(…)"),
  vae: component("await AutoencoderKL.fromPretrained(…)"),
  textEncoder: [
    "a loaded component, such as await T5EncoderModel.fromPretrained(…), or null",
    (value) => value === null || isObject(value),
  ],
  tokenizer: component("await T5Tokenizer.fromPretrained(…)"),
  scheduler: [
    'a name such as "euler", or a loaded scheduler,',
    (value) => isText(value) || isObject(value),
  ],
  keepTextEncoder: ["a boolean", isBoolean],
  source: ["an object", isObject],
  revision: TEXT,
  variant: TEXT,
  dtype: [
    '"float32", "float64", "bfloat16", "float16", "auto" or "fastest"',
    (value) =>
      value === "auto" ||
      value === "fastest" ||
      isFloatingPoint(value as Parameters<typeof isFloatingPoint>[0]),
  ],
  device: TEXT,
  onWarning: ["a function", isFunction],
  quantize: ['"int8"', (value) => value === "int8"],
};

/** Names used by diffusers and other libraries. */
const MEANT: Readonly<Record<string, string>> = {
  torchDtype: "dtype",
  precision: "dtype",
  deviceMap: "device",
  cacheDir: "the variable HF_HUB_CACHE",
  localFilesOnly: "the variable HF_HUB_OFFLINE",
  token: "the variable HF_TOKEN",
  useAuthToken: "the variable HF_TOKEN",
  subfolder: "the folder of a whole pipeline",
  sampler: "scheduler",
  autoencoder: "vae",
};

/** The given options, with the device chosen. Throws for unknown options, and for values of the wrong type. */
export function checkedPretrainedOptions(
  options: PixArtAlphaPretrainedOptions,
): PixArtAlphaPretrainedOptions {
  checkOptions(options, "loading a pipeline", KNOWN, MEANT);
  // Undefined options are dropped: the mere name of a component must not mean that the caller provides it.
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as PixArtAlphaPretrainedOptions;
  const { device } = given;
  return device === undefined ? given : { ...given, device: requireDevice(device) };
}
