import { expected, IncompatibleError } from "../../errors/index.ts";
import {
  count,
  type Field,
  type FieldsOf,
  finite,
  oneOf,
  positive,
  tokenId,
} from "../../files/reading/config-fields.ts";
import { quote } from "../../files/reading/errors.ts";
import type { DType } from "../../torch/index.ts";
import type { ConfigObject } from "../../weights/index.ts";
import { completeConfig, readOwnFields, refuseQuantized, snakeFields } from "../config-fields.ts";

/** Fields of both of CLIP's transformers: transformers' fields in camelCase. */
export interface CLIPTowerConfig {
  /** Width of the hidden states. */
  readonly hiddenSize: number;
  /** Width inside the feed-forward layers. */
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  /** "quick_gelu" in OpenAI's models, "gelu" in most of LAION's. */
  readonly hiddenAct: "quick_gelu" | "gelu";
  readonly layerNormEps: number;
}

/** Configuration of the text transformer. */
export interface CLIPTextConfig extends CLIPTowerConfig {
  readonly vocabSize: number;
  /** Most tokens of a text, including the first and the last. */
  readonly maxPositionEmbeddings: number;
  readonly padTokenId: number;
  readonly bosTokenId: number;
  /** The token at which a text's features are taken. 2 in older files, which means the token with the largest id. */
  readonly eosTokenId: number;
}

/** Configuration of the picture transformer. */
export interface CLIPVisionConfig extends CLIPTowerConfig {
  readonly numChannels: number;
  /** Side of a picture in pixels. */
  readonly imageSize: number;
  /** Side, in pixels, of the patch that becomes one token. */
  readonly patchSize: number;
}

/** Configuration of {@link CLIPModel}. */
export interface CLIPConfig {
  readonly textConfig: CLIPTextConfig;
  readonly visionConfig: CLIPVisionConfig;
  /** Length of the features for comparing texts and pictures. */
  readonly projectionDim: number;
  /** Logarithm of the factor on cosines in a new model. */
  readonly logitScaleInitValue: number;
}

/** Configuration with optional fields, at both levels. */
export type GivenCLIPConfig = Partial<
  Omit<CLIPConfig, "textConfig" | "visionConfig"> & {
    readonly textConfig: Partial<CLIPTextConfig>;
    readonly visionConfig: Partial<CLIPVisionConfig>;
  }
>;

const activation: Field<"quick_gelu" | "gelu"> = oneOf("quick_gelu", "gelu");

const textFields: FieldsOf<CLIPTextConfig> = {
  vocabSize: count(49408),
  hiddenSize: count(512),
  intermediateSize: count(2048),
  numHiddenLayers: count(12),
  numAttentionHeads: count(8),
  maxPositionEmbeddings: count(77),
  hiddenAct: activation,
  layerNormEps: positive(1e-5),
  padTokenId: tokenId(1),
  bosTokenId: tokenId(49406),
  eosTokenId: tokenId(49407),
};

const visionFields: FieldsOf<CLIPVisionConfig> = {
  hiddenSize: count(768),
  intermediateSize: count(3072),
  numHiddenLayers: count(12),
  numAttentionHeads: count(12),
  numChannels: count(3),
  imageSize: count(224),
  patchSize: count(32),
  hiddenAct: activation,
  layerNormEps: positive(1e-5),
};

type OwnFields = Omit<CLIPConfig, "textConfig" | "visionConfig">;

const ownFields: FieldsOf<OwnFields> = {
  projectionDim: count(512),
  logitScaleInitValue: finite(2.6592),
};

/** The whole configuration from the fields given. Throws, listing every field that is unknown or not understood. */
export function clipConfig({ textConfig, visionConfig, ...own }: GivenCLIPConfig): CLIPConfig {
  const within = (part: string) => (field: string) => `${part}.${field}`;
  return consistent({
    ...completeConfig(ownFields, own),
    textConfig: completeConfig(textFields, { ...textConfig }, within("textConfig")),
    visionConfig: completeConfig(visionFields, { ...visionConfig }, within("visionConfig")),
  });
}

/** Reads `config.json` of a CLIP, which `path` names in errors; fields for other uses of it are ignored. */
export function readCLIPConfig(json: Readonly<Record<string, unknown>>, path: string): CLIPConfig {
  if (json.model_type !== "clip") {
    throw new IncompatibleError(
      `Expected clip for model_type in ${path} but received ${quote(json.model_type)}`,
    );
  }
  refuseQuantized(json, path);
  return consistent({
    ...readOwnFields(ownFields, json, path),
    textConfig: readPart(textFields, json, "text_config", path),
    visionConfig: readPart(visionFields, json, "vision_config", path),
  });
}

/** One transformer's fields. Older files repeat them as `text_config_dict`, which transformers prefers. */
function readPart<C extends object>(
  fields: FieldsOf<C>,
  json: Readonly<Record<string, unknown>>,
  key: "text_config" | "vision_config",
  path: string,
): C {
  const part = json[`${key}_dict`] ?? json[key] ?? {};
  if (typeof part !== "object" || Array.isArray(part)) {
    throw expected("an object", `${key} in ${path}`, quote(part));
  }
  return readOwnFields(fields, part as Readonly<Record<string, unknown>>, `${key} of ${path}`);
}

/** What transformers writes into `config.json` for a `CLIPModel` with weights of `dtype`. */
export function writeCLIPConfig(
  { textConfig, visionConfig, ...own }: CLIPConfig,
  dtype: DType,
): ConfigObject {
  return {
    architectures: ["CLIPModel"],
    model_type: "clip",
    dtype,
    ...snakeFields(own),
    text_config: { model_type: "clip_text_model", dtype, ...snakeFields(textConfig) },
    vision_config: { model_type: "clip_vision_model", dtype, ...snakeFields(visionConfig) },
  };
}

function consistent(config: CLIPConfig): CLIPConfig {
  const { textConfig, visionConfig } = config;
  for (const [name, { hiddenSize, numAttentionHeads }] of [
    ["textConfig", textConfig],
    ["visionConfig", visionConfig],
  ] as const) {
    if (hiddenSize % numAttentionHeads === 0) continue;
    throw expected(`a multiple of ${numAttentionHeads} heads`, `hiddenSize of ${name}`, hiddenSize);
  }
  if (visionConfig.patchSize > visionConfig.imageSize) {
    throw expected(
      `at most imageSize, ${visionConfig.imageSize},`,
      "patchSize of visionConfig",
      visionConfig.patchSize,
    );
  }
  return config;
}
