import { expected, InvalidValueError } from "../../errors/index.ts";
import {
  count,
  type Field,
  type FieldsOf,
  finite,
  flag,
  listOf,
  nullable,
  oneOf,
  positive,
} from "../../files/reading/config-fields.ts";
import type { ConfigObject } from "../../weights/index.ts";
import {
  completeConfig,
  readConfig,
  requireClass,
  type Warn,
  writeConfig,
} from "../config-fields.ts";

/** Configuration of {@link AutoencoderKL}: diffusers' fields in camelCase, diffusers' defaults. */
export interface AutoencoderKLConfig {
  readonly inChannels: number;
  readonly outChannels: number;
  /** One per width; no other kind is supported. */
  readonly downBlockTypes: readonly "DownEncoderBlock2D"[];
  readonly upBlockTypes: readonly "UpDecoderBlock2D"[];
  /** Widths from the picture inwards; every block but the innermost halves height and width. */
  readonly blockOutChannels: readonly [number, ...number[]];
  readonly layersPerBlock: number;
  readonly actFn: "silu" | "swish";
  readonly latentChannels: number;
  readonly normNumGroups: number;
  /** Side, in pixels, of the pictures it was trained on. */
  readonly sampleSize: number;
  /** Factor that gives latents about unit variance; many files omit the usual 0.18215. */
  readonly scalingFactor: number;
  /** Subtracted from latents before they are scaled; null for none. */
  readonly shiftFactor: number | null;
  /** The mean of each latent channel. With `latentsStd` it replaces `shiftFactor`. */
  readonly latentsMean: readonly number[] | null;
  /** The standard deviation of each latent channel. */
  readonly latentsStd: readonly number[] | null;
  /** Whether its activations overflow float16, so that pipelines run it in float32. */
  readonly forceUpcast: boolean;
  readonly useQuantConv: boolean;
  readonly usePostQuantConv: boolean;
  readonly midBlockAddAttention: boolean;
}

const only = <const T extends string>(name: T): Field<readonly T[]> =>
  listOf([name], `"${name}"`, (value) => value === name);

const numbers = nullable(listOf<readonly number[]>([], "numbers", Number.isFinite));

const fields: FieldsOf<AutoencoderKLConfig> = {
  inChannels: count(3),
  outChannels: count(3),
  downBlockTypes: only("DownEncoderBlock2D"),
  upBlockTypes: only("UpDecoderBlock2D"),
  blockOutChannels: listOf([64], "positive integers", count(1).accepts),
  layersPerBlock: count(1),
  actFn: oneOf("silu", "swish"),
  latentChannels: count(4),
  normNumGroups: count(32),
  sampleSize: count(32),
  scalingFactor: positive(0.18215),
  shiftFactor: nullable(finite(0)),
  latentsMean: numbers,
  latentsStd: numbers,
  forceUpcast: flag(true),
  useQuantConv: flag(true),
  usePostQuantConv: flag(true),
  midBlockAddAttention: flag(true),
};

/**
 * The whole configuration from the fields given; block types follow the widths. Throws, listing every field that is unknown or
 * not understood.
 */
export function autoencoderKLConfig(given: Partial<AutoencoderKLConfig>): AutoencoderKLConfig {
  const widths = given.blockOutChannels ?? fields.blockOutChannels.initial;
  const blocks = {
    downBlockTypes: widths.map(() => "DownEncoderBlock2D"),
    upBlockTypes: widths.map(() => "UpDecoderBlock2D"),
  };
  return consistent(completeConfig(fields, { ...blocks, ...given }));
}

/** Reads `config.json` of an autoencoder, which `path` names in errors. Throws as {@link autoencoderKLConfig} does. */
export function readAutoencoderKLConfig(
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn?: Warn,
): AutoencoderKLConfig {
  requireClass(json, path, "AutoencoderKL");
  return consistent(readConfig(fields, json, path, warn));
}

/** What diffusers writes into `config.json` for this configuration. */
export const writeAutoencoderKLConfig = (config: AutoencoderKLConfig): ConfigObject =>
  writeConfig(config, "AutoencoderKL");

function consistent(config: AutoencoderKLConfig): AutoencoderKLConfig {
  const { blockOutChannels: widths, normNumGroups, latentChannels } = config;
  for (const field of ["downBlockTypes", "upBlockTypes"] as const) {
    if (config[field].length !== widths.length) {
      throw new InvalidValueError(
        `Expected as many ${field} as blockOutChannels, ${widths.length}, but received ${config[field].length}`,
      );
    }
  }
  for (const field of ["latentsMean", "latentsStd"] as const) {
    const values = config[field];
    if (values !== null && values.length !== latentChannels) {
      throw expected(
        `a number for each of the latentChannels, ${latentChannels},`,
        field,
        values.length,
      );
    }
  }
  if ((config.latentsMean === null) !== (config.latentsStd === null)) {
    throw new InvalidValueError(
      "Expected both or neither of latentsMean and latentsStd but received one: latents are normalised with the two together",
    );
  }
  const uneven = widths.find((width) => width % normNumGroups !== 0);
  if (uneven !== undefined) {
    throw expected(`multiples of normNumGroups, ${normNumGroups},`, "blockOutChannels", uneven);
  }
  return config;
}
