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
