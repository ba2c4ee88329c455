import { UnsupportedError } from "../../../errors/index.ts";
import {
  count,
  countUpTo,
  type Field,
  type FieldsOf,
  finite,
  flag,
  nullable,
  oneOf,
  positive,
} from "../../../files/reading/config-fields.ts";
import { quote } from "../../../files/reading/errors.ts";
import type {
  AdapterTargets,
  LoHaConfig,
  LoKrConfig,
  LoraConfig,
  LycorisConfig,
  OFTConfig,
} from "./config.ts";

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";

/** Most names and patterns in a list: many times the layers of the deepest models. */
const MOST_NAMES = 10_000;

const isNameList = (value: unknown): boolean =>
  Array.isArray(value) && value.length <= MOST_NAMES && value.every(isName);

const isNames = (value: unknown): boolean =>
  isName(value) || (isNameList(value) && (value as readonly unknown[]).length > 0);

const names: Field<readonly string[] | string> = {
  initial: [],
  expected: `a list of at most ${MOST_NAMES} names or a regular expression`,
  accepts: isNames,
};

const endsOfNames: Field<readonly string[]> = {
  initial: [],
  expected: `a list of at most ${MOST_NAMES} names`,
  accepts: isNameList,
};

const isIndex = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const indices: Field<readonly number[] | number> = {
  initial: [],
  expected: "a number of a block or a list of them",
  accepts: (value) => isIndex(value) || (Array.isArray(value) && value.every(isIndex)),
};

const text: Field<string> = {
  initial: "",
  expected: "a string",
  accepts: (value) => typeof value === "string",
};

const dropout: Field<number> = {
  initial: 0,
  expected: "a number from 0 to 1",
  accepts: (value) => typeof value === "number" && value >= 0 && value <= 1,
};

/** A whole number of at least 0. */
const size = (initial: number): Field<number> => ({
  initial,
  expected: "a whole number of at least 0",
  accepts: isIndex,
});

const byLayer = (item: Field<number>): Field<Readonly<Record<string, number>>> => ({
  initial: {},
  expected: `an object of at most ${MOST_NAMES} layer names with ${item.expected} each`,
  accepts: (value) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= MOST_NAMES &&
    Object.values(value).every(item.accepts),
});

const targets: FieldsOf<AdapterTargets> = {
  targetModules: names,
  excludeModules: nullable(names),
  layersToTransform: nullable(indices),
  layersPattern: nullable(names),
  modulesToSave: nullable(endsOfNames),
  baseModelNameOrPath: nullable(text),
};

/** The LoRA initializations that PEFT's files describe completely. */
const starts: Field<LoraConfig["initLoraWeights"]> = oneOf<LoraConfig["initLoraWeights"]>(
  true,
  false,
  "gaussian",
  "orthogonal",
  "eva",
  "mica",
  "pissa",
  "olora",
);

const lora: FieldsOf<LoraConfig> = {
  ...targets,
  peftType: oneOf("LORA"),
  r: count(8),
  loraAlpha: finite(8),
  loraDropout: dropout,
  useRslora: flag(false),
  useDora: flag(false),
  initLoraWeights: {
    ...starts,
    expected: `${starts.expected}, as the others change the model's weights in ways that the files do not hold (save the adapter with path_initial_model_for_weight_conversion),`,
  },
  rankPattern: byLayer(count(8)),
  alphaPattern: byLayer(finite(8)),
  loraBias: flag(false),
  bias: oneOf<LoraConfig["bias"]>("none", "all", "lora_only"),
  fanInFanOut: oneOf(false),
};

const lycoris: FieldsOf<LycorisConfig> = {
  ...targets,
  r: count(8),
  alpha: finite(8),
  rankPattern: byLayer(count(8)),
  alphaPattern: byLayer(finite(8)),
  rankDropout: dropout,
  moduleDropout: dropout,
  useEffectiveConv2d: flag(false),
};

const loha: FieldsOf<LoHaConfig> = {
  ...lycoris,
  peftType: oneOf("LOHA"),
  initWeights: flag(true),
};

const lokr: FieldsOf<LoKrConfig> = {
  ...lycoris,
  peftType: oneOf("LOKR"),
  decomposeBoth: flag(false),
  decomposeFactor: {
    initial: -1,
    expected: "-1 or a positive integer",
    accepts: (value) => value === -1 || count(1).accepts(value),
  },
  rankDropoutScale: flag(false),
  initWeights: oneOf<LoKrConfig["initWeights"]>(true, false, "lycoris"),
};

/** Most terms of a power series, which PEFT cuts off after 5: terms after the hundredth vanish in float32. */
const MOST_TERMS = 100;

const oft: FieldsOf<OFTConfig> = {
  ...targets,
  peftType: oneOf("OFT"),
  r: size(0),
  oftBlockSize: size(32),
  moduleDropout: dropout,
  initWeights: flag(true),
  blockShare: flag(false),
  useCayleyNeumann: flag(true),
  numCayleyNeumannTerms: countUpTo(5, MOST_TERMS),
  bias: oneOf<OFTConfig["bias"]>("none", "all", "oft_only"),
  fanInFanOut: oneOf(false),
  coft: flag(false),
  eps: positive(6e-5),
};

const fieldsOf = { LORA: lora, LOHA: loha, LOKR: lokr, OFT: oft };

/** The fields of one kind of adapter. Throws for an unknown kind; `label` names the field in the error. */
export function adapterFields(peftType: unknown, label: string): Record<string, Field<unknown>> {
  const known: ReadonlyMap<unknown, object> = new Map(Object.entries(fieldsOf));
  const fields = known.get(peftType);
  if (fields === undefined) {
    throw new UnsupportedError(
      `Expected ${[...known.keys()].join(", ")} for ${label} but received ${quote(peftType)}`,
    );
  }
  return fields as Record<string, Field<unknown>>;
}
