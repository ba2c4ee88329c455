/** Diffusion loss of the noise prediction. */
export interface LossConfig {
  /**
   * `epsilon`: error of the noise. `epsilon+vlb`: and the variational bound of the learned variance, as DiT and PixArt-α
   * train. `v`: error of the velocity (Salimans and Ho 2022), which small models learn sooner; the stages of a run must
   * agree on it. Null takes what `base` predicts, with the bound where it learned a variance; `epsilon+vlb` where there is no
   * base. Default null.
   */
  readonly type?: "epsilon" | "epsilon+vlb" | "v" | null;
  /** Errors count squared up to this and straight beyond it, times this (Huber; 1 in diffengine); null squares all. Not with `epsilon+vlb`. Default null. */
  readonly huberDelta?: number | null;
  /** Caps each timestep's signal-to-noise weight at this (Min-SNR, Hang et al. 2023, γ = 5 there); null weighs all timesteps alike. Default null. */
  readonly minSnrGamma?: number | null;
  /** Weighs timesteps by 1/sqrt(SNR), so that large shapes are learned sooner (Yu et al. 2023); not together with minSnrGamma. Default false. */
  readonly debiased?: boolean;
}

interface WithPerturbation {
  /** Weight of more noise that the model sees but is not to find (Ning et al. 2023, γ = 0.1 there). Not with the loss `epsilon+vlb`. Default 0. */
  readonly inputPerturbation?: number;
}

/** Independent noise everywhere. */
export interface WhiteNoiseConfig extends WithPerturbation {
  /** Default `white`. */
  readonly type?: "white";
}

/** White noise, shifted as a whole in each channel, so that pictures may become very dark or bright (N. Guttenberg 2023). */
export interface OffsetNoiseConfig extends WithPerturbation {
  readonly type: "offset";
  /** Weight of the shift. Default 0.05. */
  readonly weight?: number;
}

/** White noise of several resolutions, one over the other, at unit variance (J. Whitaker 2023, multi-resolution noise). */
export interface PyramidNoiseConfig extends WithPerturbation {
  readonly type: "pyramid";
  /** Weight of each level, as a share of the finer one's. Default 0.9. */
  readonly discount?: number;
  /** Makes a level smaller by a factor drawn from 2 to 4; false halves it. Default true. */
  readonly randomMultiplier?: boolean;
}

/** What noise pictures are trained with. */
export type NoiseConfig = WhiteNoiseConfig | OffsetNoiseConfig | PyramidNoiseConfig;

/** All timesteps alike. */
export interface UniformTimestepsConfig {
  /** Default `uniform`. */
  readonly type?: "uniform";
}

/** The last (`later`, the noisiest) or first (`earlier`) timesteps more often. */
export interface BiasedTimestepsConfig {
  readonly type: "later" | "earlier";
  /** How much more often. Default 5. */
  readonly biasMultiplier?: number;
  /** Share of all timesteps that are meant. Default 0.25. */
  readonly biasPortion?: number;
}

/** The timesteps of a range more often. */
export interface RangeTimestepsConfig {
  readonly type: "range";
  /** How much more often. Default 5. */
  readonly biasMultiplier?: number;
  /** Where the range begins, as a share of all timesteps. Default 0.25. */
  readonly biasBegin?: number;
  /** Where it ends. Default 0.75. */
  readonly biasEnd?: number;
}

/** Noisy timesteps more often: 1 − u³ for u uniform (Mou et al. 2023, T2I-Adapter, section 3.4). */
export interface CubicTimestepsConfig {
  readonly type: "cubic";
}

/** Only the timesteps that DDIM visits in some steps, as consistency distillation trains. */
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
