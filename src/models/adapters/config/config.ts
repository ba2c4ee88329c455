/** Fields that all adapters have: PEFT's, in camelCase, with PEFT's defaults. */
export interface AdapterTargets {
  /**
   * Names of layers, or what follows a dot in them up to their end: `to_q`, `ff.net.2`. A string is a regular expression for the
   * whole name, or `"all-linear"`.
   */
  readonly targetModules: readonly string[] | string;
  /** Layers to leave out although `targetModules` matches them, given in the same two ways. */
  readonly excludeModules: readonly string[] | string | null;
  /** Numbers of the blocks that have the adapter; all if null. */
  readonly layersToTransform: readonly number[] | number | null;
  /** The name before the number, `transformer_blocks`; if null, PEFT looks for a number after two dots. */
  readonly layersPattern: readonly string[] | string | null;
  /** Name endings of the modules that the adapter replaces with trained versions of its own; none if null. */
  readonly modulesToSave: readonly string[] | null;
  /** Source of the model that the adapter was trained on. Only stored. */
  readonly baseModelNameOrPath: string | null;
}

/** LoRA (Hu et al. 2021, arXiv 2106.09685): W + scale · B A. PEFT's `LoraConfig`. */
export interface LoraConfig extends AdapterTargets {
  readonly peftType: "LORA";
  readonly r: number;
  /** The scale is loraAlpha / r. */
  readonly loraAlpha: number;
  /** Only used in training. There is no dropout here, so adapters that train must have 0. */
  readonly loraDropout: number;
  /** The scale is loraAlpha / √r instead (Kalajdzievski 2023, arXiv 2312.03732). */
  readonly useRslora: boolean;
  /** Learns the length of each output's row of W + scale · B A (Liu et al. 2024, arXiv 2402.09353). */
  readonly useDora: boolean;
  /**
   * True for Kaiming and zeros, "gaussian" for a normal A of deviation 1/r, false for Kaiming in both. The others are only for
   * loaded adapters; "pissa" and "olora" subtract the part of the weight that they started from.
   */
  readonly initLoraWeights:
    | boolean
    | "gaussian"
    | "orthogonal"
    | "eva"
    | "mica"
    | "pissa"
    | "olora";
  /** Other ranks by layer: regular expressions for names or their endings. */
  readonly rankPattern: Readonly<Record<string, number>>;
  /** Other alphas by layer. */
  readonly alphaPattern: Readonly<Record<string, number>>;
  /** A bias for B, with the same scale. */
  readonly loraBias: boolean;
  /** Which biases the adapter replaces: those of all layers, or of the layers that it is on. */
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
  /** Only used in training, like {@link LoraConfig.loraDropout}. */
  readonly rankDropout: number;
  /** Only used in training. */
  readonly moduleDropout: number;
  /** For convolutions: a core the size of the kernel between the factors. */
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
  /** Whether W₁ is a product of two factors too, if r is small enough. */
  readonly decomposeBoth: boolean;
  /** Target side length of W₁; −1 for near the square root. */
  readonly decomposeFactor: number;
  readonly rankDropoutScale: boolean;
  /** True for a zero W₁, "lycoris" for a zero W₂, false for neither. */
  readonly initWeights: boolean | "lycoris";
}

/** OFT (Qiu et al. 2023, arXiv 2306.07280; PEFT's form since 0.18): the input turned by orthogonal blocks. */
export interface OFTConfig extends AdapterTargets {
  readonly peftType: "OFT";
  /** Number of blocks, or 0 if `oftBlockSize` gives their size. */
  readonly r: number;
  readonly oftBlockSize: number;
  /** Only used in training. */
  readonly moduleDropout: number;
  readonly initWeights: boolean;
  /** One block shared by all positions. */
  readonly blockShare: boolean;
  /** A power series instead of the exact Cayley transform. */
  readonly useCayleyNeumann: boolean;
  readonly numCayleyNeumannTerms: number;
  /** As {@link LoraConfig.bias}. */
  readonly bias: "none" | "all" | "oft_only";
  readonly fanInFanOut: false;
  /** Constrained: the blocks stay near the identity. */
  readonly coft: boolean;
  /** How near, over all blocks together. */
  readonly eps: number;
}

/** The configuration of an adapter, under the names of PEFT 0.21. */
export type AdapterConfig = LoraConfig | LoHaConfig | LoKrConfig | OFTConfig;

type Given<C extends AdapterConfig> = Pick<C, "peftType" | "targetModules"> & Partial<C>;

/** An {@link AdapterConfig} that only requires kind and targets. */
export type AdapterOptions =
  | Given<LoraConfig>
  | Given<LoHaConfig>
  | Given<LoKrConfig>
  | Given<OFTConfig>;
