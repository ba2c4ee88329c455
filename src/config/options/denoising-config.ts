/** Loss on the noise prediction. */
export interface LossConfig {
  /**
   * `epsilon`: error of the noise. `epsilon+vlb`: also the variational bound of the learned variance, as DiT and PixArt-α train.
   * `v`: error of the velocity (Salimans and Ho 2022), which small models learn sooner; all stages of a run must agree on it.
   * Null uses the prediction target of `base`, with the bound if the base learned a variance, or `epsilon+vlb` if there is no
   * base. Default null.
   */
  readonly type?: "epsilon" | "epsilon+vlb" | "v" | null;
  /**
   * Errors up to this count squared, larger ones linearly, times this (Huber; 1 in diffengine); null squares all. Not with
   * `epsilon+vlb`. Default null.
   */
  readonly huberDelta?: number | null;
  /**
   * Caps each timestep's signal-to-noise weight at this (Min-SNR, Hang et al. 2023, γ = 5 there); null weights all timesteps
   * equally. Default null.
   */
  readonly minSnrGamma?: number | null;
  /**
   * Weights timesteps by 1/sqrt(SNR), so that large shapes are learned sooner (Yu et al. 2023); not together with minSnrGamma.
   * Default false.
   */
  readonly debiased?: boolean;
}

interface WithPerturbation {
  /**
   * Weight of additional noise in the input that the model does not have to predict (Ning et al. 2023, γ = 0.1 there). Not with
   * the loss `epsilon+vlb`. Default 0.
   */
  readonly inputPerturbation?: number;
}

/** Independent noise for every element. */
export interface WhiteNoiseConfig extends WithPerturbation {
  /** Default `white`. */
  readonly type?: "white";
}

/** White noise plus a constant shift per channel, so that pictures can become very dark or bright (N. Guttenberg 2023). */
export interface OffsetNoiseConfig extends WithPerturbation {
  readonly type: "offset";
  /** Weight of the shift. Default 0.05. */
  readonly weight?: number;
}

/** White noise at several resolutions, added up at unit variance (J. Whitaker 2023, multi-resolution noise). */
export interface PyramidNoiseConfig extends WithPerturbation {
  readonly type: "pyramid";
  /** Weight of each level relative to the finer one. Default 0.9. */
  readonly discount?: number;
  /** Shrinks each level by a random factor from 2 to 4; false halves it. Default true. */
  readonly randomMultiplier?: boolean;
}

/** The noise that pictures are trained with. */
export type NoiseConfig = WhiteNoiseConfig | OffsetNoiseConfig | PyramidNoiseConfig;

/** All timesteps are equally likely. */
export interface UniformTimestepsConfig {
  /** Default `uniform`. */
  readonly type?: "uniform";
}

/** The last (`later`, the noisiest) or first (`earlier`) timesteps are more likely. */
export interface BiasedTimestepsConfig {
  readonly type: "later" | "earlier";
  /** How much more likely. Default 5. */
  readonly biasMultiplier?: number;
  /** Affected share of all timesteps. Default 0.25. */
  readonly biasPortion?: number;
}

/** The timesteps of a range are more likely. */
export interface RangeTimestepsConfig {
  readonly type: "range";
  /** How much more likely. Default 5. */
  readonly biasMultiplier?: number;
  /** Start of the range, as a share of all timesteps. Default 0.25. */
  readonly biasBegin?: number;
  /** End of the range. Default 0.75. */
  readonly biasEnd?: number;
}

/** Noisy timesteps are more likely: 1 − u³ for u uniform (Mou et al. 2023, T2I-Adapter, section 3.4). */
export interface CubicTimestepsConfig {
  readonly type: "cubic";
}

/** Only the timesteps that DDIM visits in the given number of steps, as in consistency distillation. */
export interface DdimTimestepsConfig {
  readonly type: "ddim";
  /** How many, at most 1000. Default 50. */
  readonly steps?: number;
}

/** Which timesteps pictures are trained at. */
export type TimestepsConfig =
  | UniformTimestepsConfig
  | BiasedTimestepsConfig
  | RangeTimestepsConfig
  | CubicTimestepsConfig
  | DdimTimestepsConfig;
