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

/** Components to use in place of a folder's own, and how to load the others. `quantize` is for all but the autoencoder. */
export interface PixArtAlphaPretrainedOptions
  extends Partial<Omit<PixArtAlphaComponents, "scheduler">>,
    Omit<QuantizedPretrainedOptions, "subfolder"> {
  /**
   * In place of the folder's own: a sampler, or the name of one for `schedulerNamed`, which takes its noise schedule from the
   * folder's `scheduler_config.json`. With a name the folder's own may be one that isn't known here.
   */
  readonly scheduler?: Scheduler | string | undefined;
  /**
   * Whether the text encoder stays in memory between calls. Otherwise it is loaded for each new prompt and freed before
   * denoising. Default: only one whose files have less than 1 GiB stays.
   */
  readonly keepTextEncoder?: boolean;
  /** Where a given transformer is from, for pictures' metadata. */
  readonly source?: WeightsSource;
}

const component = (example: string): OptionCheck => [
  `a loaded component, such as ${example},`,
  isObject,
];
const TEXT: OptionCheck = ["a text", isText];

/** Every option of loading a pipeline. The compiler refuses one without the other. */
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

/** Names of diffusers' and other libraries. */
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

/** The options that are given, with the device chosen. Throws for those that there are not, and for values of another type. */
export function checkedPretrainedOptions(
  options: PixArtAlphaPretrainedOptions,
): PixArtAlphaPretrainedOptions {
  checkOptions(options, "loading a pipeline", KNOWN, MEANT);
  // What is undefined is left out: a component's name alone must not say that the caller has it.
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as PixArtAlphaPretrainedOptions;
  const { device } = given;
  return device === undefined ? given : { ...given, device: requireDevice(device) };
}
