import { quote } from "../../weights/errors.ts";
import {
  completeConfig,
  count,
  countUpTo,
  type Field,
  type FieldsOf,
  finite,
  flag,
  nullable,
  oneOf,
  positive,
} from "../config-fields.ts";

/** Fields that all adapters have: PEFT's, in camelCase, with PEFT's defaults. */
export interface AdapterTargets {
  /**
   * Names of layers, or what their names end with after a dot: `to_q`, `ff.net.2`. A string is a regular expression for
   * the whole name, or `"all-linear"`.
   */
  readonly targetModules: readonly string[] | string;
  /** Layers that are left out although `targetModules` names them; written in the same two ways. */
  readonly excludeModules: readonly string[] | string | null;
  /** Numbers of the blocks that have the adapter; all where null. */
  readonly layersToTransform: readonly number[] | number | null;
  /** The name before the number, `transformer_blocks`; where null PEFT looks for a number behind two dots. */
  readonly layersPattern: readonly string[] | string | null;
  /** Ends of the names of modules of which the adapter has a version of its own, beside what it adds; none where null. */
  readonly modulesToSave: readonly string[] | null;
  /** Where the model came from that the adapter was trained on. Kept for the file's sake. */
  readonly baseModelNameOrPath: string | null;
}

/** LoRA (Hu et al. 2021, arXiv 2106.09685): W + scale · B A. PEFT's `LoraConfig`. */
export interface LoraConfig extends AdapterTargets {
  readonly peftType: "LORA";
  readonly r: number;
  /** The scale is loraAlpha / r. */
  readonly loraAlpha: number;
  /** In training only; nothing here drops out, so adapters that train must have 0. */
  readonly loraDropout: number;
  /** The scale is loraAlpha / √r instead (Kalajdzievski 2023, arXiv 2312.03732). */
  readonly useRslora: boolean;
  /** A learnt length for each output of W + scale · B A (Liu et al. 2024, arXiv 2402.09353). */
  readonly useDora: boolean;
  /**
   * True for Kaiming and zeros, "gaussian" for a normal A of deviation 1/r, false for Kaiming in both. The others are for
   * adapters that are loaded; "pissa" and "olora" take the part of the weight that they started from away from it.
   */
  readonly initLoraWeights:
    | boolean
    | "gaussian"
    | "orthogonal"
    | "eva"
    | "mica"
    | "pissa"
    | "olora";
  /** Other ranks by layer: regular expressions for names or their ends. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Other alphas by layer. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** A bias for B, with the same scale. */
  readonly loraBias: boolean;
  /** Whose own biases the adapter has another version of: of all layers, or of those that it sits on. */
  readonly bias: "none" | "all" | "lora_only";
  readonly fanInFanOut: false;
}

/** Fields that LoHa and LoKr share. */
export interface LycorisConfig extends AdapterTargets {
  readonly r: number;
  /** The scale is alpha / r. */
  readonly alpha: number;
  readonly rankPattern: Readonly<Record<string, number>>;
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** In training only, as {@link LoraConfig.loraDropout}. */
  readonly rankDropout: number;
  /** In training only. */
  readonly moduleDropout: number;
  /** On convolutions: a core as large as the kernel between the factors. */
  readonly useEffectiveConv2d: boolean;
}

/** LoHa (FedPara, Hyeon-Woo et al. 2021, arXiv 2108.06098): W + scale · (A₁ B₁) ⊙ (A₂ B₂). PEFT's `LoHaConfig`. */
export interface LoHaConfig extends LycorisConfig {
  readonly peftType: "LOHA";
  readonly initWeights: boolean;
}

/** LoKr (LyCORIS, Yeh et al. 2023, arXiv 2309.14859): W + scale · W₁ ⊗ W₂. PEFT's `LoKrConfig`. */
export interface LoKrConfig extends LycorisConfig {
  readonly peftType: "LOKR";
  /** Whether W₁ is a product of two factors too, where r is small enough for it. */
  readonly decomposeBoth: boolean;
  /** The side of W₁ that is aimed at; −1 for near the square root. */
  readonly decomposeFactor: number;
  readonly rankDropoutScale: boolean;
  /** True for a zero W₁, "lycoris" for a zero W₂, false for neither. */
  readonly initWeights: boolean | "lycoris";
}

/** OFT (Qiu et al. 2023, arXiv 2306.07280; PEFT's form since 0.18): the input turned by orthogonal blocks. */
export interface OFTConfig extends AdapterTargets {
  readonly peftType: "OFT";
  /** Number of blocks, or 0 where `oftBlockSize` says how large they are. */
  readonly r: number;
  readonly oftBlockSize: number;
  /** In training only. */
  readonly moduleDropout: number;
  readonly initWeights: boolean;
  /** One block for all places. */
  readonly blockShare: boolean;
  /** A power series in place of the exact Cayley transform. */
  readonly useCayleyNeumann: boolean;
  readonly numCayleyNeumannTerms: number;
  /** As {@link LoraConfig.bias}. */
  readonly bias: "none" | "all" | "oft_only";
  readonly fanInFanOut: false;
  /** Constrained: the blocks stay near no rotation. */
  readonly coft: boolean;
  /** How near, all together. */
  readonly eps: number;
}

/** What an adapter is, under the names of PEFT 0.21. */
export type AdapterConfig = LoraConfig | LoHaConfig | LoKrConfig | OFTConfig;

type Given<C extends AdapterConfig> = Pick<C, "peftType" | "targetModules"> & Partial<C>;

/** An {@link AdapterConfig} of which only kind and targets must be said. */
export type AdapterOptions =
  | Given<LoraConfig>
  | Given<LoHaConfig>
  | Given<LoKrConfig>
  | Given<OFTConfig>;

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";

/** Names and patterns of a list: many times the layers of the deepest models. */
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

/** The starts of a LoRA that PEFT's files say enough about. */
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

/** Of a power series that PEFT breaks off after 5: what comes after a hundred is nothing in float32. */
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

/** The fields of one kind of adapter. Throws for a kind that isn't there; `label` names the field in the error. */
export function adapterFields(peftType: unknown, label: string): Record<string, Field<unknown>> {
  const known: ReadonlyMap<unknown, object> = new Map(Object.entries(fieldsOf));
  const fields = known.get(peftType);
  if (fields === undefined) {
    throw new Error(
      `Expected ${[...known.keys()].join(", ")} for ${label} but received ${quote(peftType)}`,
    );
  }
  return fields as Record<string, Field<unknown>>;
}

/**
 * The whole configuration from the fields given. Throws for another kind of adapter, and with a list of every field that
 * isn't known or understood.
 */
export function adapterConfig(given: AdapterOptions): AdapterConfig {
  const fields = adapterFields(given.peftType, "peftType");
  return consistent(completeConfig(fields, { ...given }) as unknown as AdapterConfig);
}

/** Throws where fields contradict each other. */
export function consistent(config: AdapterConfig): AdapterConfig {
  const { targetModules, layersToTransform, layersPattern } = config;
  const isPattern = typeof targetModules === "string";
  if (isPattern && (layersToTransform !== null || layersPattern !== null)) {
    throw new Error(
      "Expected a list of names for targetModules, beside layersToTransform or layersPattern, but received a string",
    );
  }
  if (layersPattern !== null && layersToTransform === null) {
    throw new Error(
      "Expected numbers for layersToTransform, beside layersPattern, but received null",
    );
  }
  if (config.peftType === "LORA" && config.loraBias && config.useDora) {
    throw new Error("Expected false for one of loraBias and useDora but received true for both");
  }
  if (config.peftType === "OFT" && (config.r === 0) === (config.oftBlockSize === 0)) {
    throw new Error(
      `Expected 0 for one of r and oftBlockSize, and not for the other, but received ${config.r} and ${config.oftBlockSize}`,
    );
  }
  return config;
}
