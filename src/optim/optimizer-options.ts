/** Settings of AdamW (Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization"). */
export interface AdamWOptions {
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /**
   * Share of each weight removed per step, times the learning rate. Default 0.03, PixArt-α's (configs/PixArt_xl2_internal.py).
   */
  readonly weightDecay?: number;
  /** Added to the root of the running square. Default 1e-8; PixArt-α's recipes use 1e-10. */
  readonly eps?: number;
}

export const ADAMW_DEFAULTS: Required<AdamWOptions> = {
  betas: [0.9, 0.999],
  weightDecay: 0.03,
  eps: 1e-8,
};

/** Settings of CAME (Luo et al. 2023), with the defaults of came-pytorch. */
export interface CameOptions {
  /** Decay of the mean update, of the squared gradient and of the update's instability. Default `[0.9, 0.999, 0.9999]`. */
  readonly betas?: readonly [number, number, number];
  /** Share of each weight removed per step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
  /** Added to the squared gradient and to the instability. Default `[1e-30, 1e-16]`. */
  readonly eps?: readonly [number, number];
  /** Root mean square above which the update of a parameter is scaled down. Default 1. */
  readonly clipThreshold?: number;
}

export const CAME_DEFAULTS: Required<CameOptions> = {
  betas: [0.9, 0.999, 0.9999],
  weightDecay: 0,
  eps: [1e-30, 1e-16],
  clipThreshold: 1,
};

/** Settings of Adafactor (Shazeer and Stern 2018), with the defaults of torch.optim.Adafactor. */
export interface AdafactorOptions {
  /** Exponent of t in the decay of the running square at step t. Default −0.8. */
  readonly beta2Decay?: number;
  /** Share of each weight removed per step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
  /**
   * Lower bounds of the root of the running square, and of the parameter size that its rate is relative to. Default `[2 ** -23,
   * 1e-3]`.
   */
  readonly eps?: readonly [number, number];
  /** Root mean square above which the update of a parameter is scaled down. Default 1. */
  readonly clipThreshold?: number;
}

export const ADAFACTOR_DEFAULTS: Required<AdafactorOptions> = {
  beta2Decay: -0.8,
  weightDecay: 0,
  eps: [2 ** -23, 1e-3],
  clipThreshold: 1,
};

/** Settings of Lion (Chen et al. 2023), with the paper's defaults. */
export interface LionOptions {
  /** Share of the momentum in a step, and decay of the momentum. Default `[0.9, 0.99]`. */
  readonly betas?: readonly [number, number];
  /** Share of each weight removed per step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
}

export const LION_DEFAULTS: Required<LionOptions> = { betas: [0.9, 0.99], weightDecay: 0 };

/** Settings of Prodigy (Mishchenko and Defazio 2023), with the defaults of prodigyopt. */
export interface ProdigyOptions {
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Decay of the sums that the rate is estimated from; null means the square root of the second beta. Default null. */
  readonly beta3?: number | null;
  /** Share of each weight removed per step, times the estimated rate. Default 0. */
  readonly weightDecay?: number;
  /** Added to the root of the running square, times the estimated rate. Default 1e-8. */
  readonly eps?: number;
  /** The initial estimate of the rate. Default 1e-6. */
  readonly d0?: number;
  /** Factor on the estimate, to adjust if it is too low or too high. Default 1. */
  readonly dCoef?: number;
  /** Largest growth of the estimate per step, as a factor; null for no limit. Default null. */
  readonly growthRate?: number | null;
  /** Adam's correction of the first steps. Default false. */
  readonly biasCorrection?: boolean;
  /** Keeps the schedule out of the estimate's denominator; for schedules with a warm-up. Default false. */
  readonly safeguardWarmup?: boolean;
}

export const PRODIGY_DEFAULTS: Required<ProdigyOptions> = {
  betas: [0.9, 0.999],
  beta3: null,
  weightDecay: 0,
  eps: 1e-8,
  d0: 1e-6,
  dCoef: 1,
  growthRate: null,
  biasCorrection: false,
  safeguardWarmup: false,
};

/** Settings of Muon (Jordan et al. 2024), with the defaults of "Muon is Scalable for LLM Training" (Liu et al. 2025, arXiv 2502.16982). */
export interface MuonOptions {
  /** Decay of the momentum. Default 0.95. */
  readonly momentum?: number;
  /** Looks one step ahead along the momentum. Default true. */
  readonly nesterov?: boolean;
  /** Newton-Schulz iterations that make an update orthogonal. Default 5. */
  readonly nsSteps?: number;
  /** Share of each weight removed per step, times the learning rate; also for AdamW. Default 0.1. */
  readonly weightDecay?: number;
  /**
   * `match-rms-adamw`: suits a learning rate for AdamW. `original`: Jordan's, which needs a rate near 0.02. Default
   * `match-rms-adamw`.
   */
  readonly adjustLr?: "match-rms-adamw" | "original";
  /** AdamW's, for everything but hidden layers' weights. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** AdamW's. Default 1e-8. */
  readonly eps?: number;
}

export const MUON_DEFAULTS: Required<MuonOptions> = {
  momentum: 0.95,
  nesterov: true,
  nsSteps: 5,
  weightDecay: 0.1,
  adjustLr: "match-rms-adamw",
  betas: [0.9, 0.999],
  eps: 1e-8,
};

/** The type of an optimizer, with its settings. */
export type OptimizerSettings =
  | ({ readonly type: "adamw" } & AdamWOptions)
  | ({ readonly type: "came" } & CameOptions)
  | ({ readonly type: "adafactor" } & AdafactorOptions)
  | ({ readonly type: "lion" } & LionOptions)
  | ({ readonly type: "prodigy" } & ProdigyOptions)
  | ({ readonly type: "muon" } & MuonOptions);

/** Fills in defaults for missing or undefined options. */
export function withDefaults<T extends object>(options: Partial<T>, defaults: T): T {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(given) };
}
