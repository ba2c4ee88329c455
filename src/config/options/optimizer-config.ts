interface WithRate {
  /** Learning rate once the warm-up is over. */
  readonly lr: number;
}

/** AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization"). */
export interface AdamWConfig extends WithRate {
  /** Default `adamw`. */
  readonly type?: "adamw";
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Share of each weight taken away a step, times the learning rate. Default 0.03, PixArt-α's. */
  readonly weightDecay?: number;
  /** Added to the root of the running square. Default 1e-8; PixArt-α's recipes have 1e-10. */
  readonly eps?: number;
}

/** CAME (Luo et al. 2023), PixArt-Σ's: about half of AdamW's memory, and smaller steps where updates disagree. */
export interface CameConfig extends WithRate {
  readonly type: "came";
  /** Decay of the mean update, of the squared gradient and of the update's instability. Default `[0.9, 0.999, 0.9999]`. */
  readonly betas?: readonly [number, number, number];
  /** Share of each weight taken away a step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
  /** Added to the squared gradient and to the instability. Default `[1e-30, 1e-16]`. */
  readonly eps?: readonly [number, number];
  /** Root mean square above which the update of a parameter is scaled down. Default 1. */
  readonly clipThreshold?: number;
}

/** Adafactor (Shazeer and Stern 2018) as torch.optim has it: next to no memory, and a rate relative to each parameter's size. */
export interface AdafactorConfig extends WithRate {
  readonly type: "adafactor";
  /** At step t the running square forgets t to this power. Default −0.8. */
  readonly beta2Decay?: number;
  /** Share of each weight taken away a step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
  /** Least root of the running square, and least size of a parameter that its rate is relative to. Default `[2 ** -23, 1e-3]`. */
  readonly eps?: readonly [number, number];
  /** Root mean square above which the update of a parameter is scaled down. Default 1. */
  readonly clipThreshold?: number;
}

/** Lion (Chen et al. 2023): half of AdamW's memory. Wants a third to a tenth of AdamW's rate, and as much more decay. */
export interface LionConfig extends WithRate {
  readonly type: "lion";
  /** Share of the momentum in a step, and decay of the momentum. Default `[0.9, 0.99]`. */
  readonly betas?: readonly [number, number];
  /** Share of each weight taken away a step, times the learning rate. Default 0. */
  readonly weightDecay?: number;
}

/** Prodigy (Mishchenko and Defazio 2023): AdamW that finds its learning rate; twice AdamW's memory. */
export interface ProdigyConfig {
  readonly type: "prodigy";
  /** Factor on the rate that it finds. Default 1. */
  readonly lr?: number;
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Decay of the sums that the rate is estimated from; null takes the root of the second beta. Default null. */
  readonly beta3?: number | null;
  /** Share of each weight taken away a step, times the rate found. Default 0. */
  readonly weightDecay?: number;
  /** Added to the root of the running square, times the rate found. Default 1e-8. */
  readonly eps?: number;
  /** The first estimate of the rate. Default 1e-6. */
  readonly d0?: number;
  /** Factor on the estimate: what to tune where it comes out too low or too high. Default 1. */
  readonly dCoef?: number;
  /** Largest growth of the estimate a step, as a factor; null does not limit it. Default null. */
  readonly growthRate?: number | null;
  /** Adam's correction of the first steps. Default false. */
  readonly biasCorrection?: boolean;
  /** Keeps the schedule out of the estimate's denominator; for schedules with a warm-up. Default false. */
  readonly safeguardWarmup?: boolean;
}

/** Muon (Jordan et al. 2024; Liu et al. 2025, whose defaults these are) for the weights of hidden layers, AdamW for the rest. */
export interface MuonConfig extends WithRate {
  readonly type: "muon";
  /** Decay of the momentum. Default 0.95. */
  readonly momentum?: number;
  /** Looks one step ahead along the momentum. Default true. */
  readonly nesterov?: boolean;
  /** Newton-Schulz iterations that make an update orthogonal. Default 5. */
  readonly nsSteps?: number;
  /** Share of each weight taken away a step, times the learning rate; AdamW's too. Default 0.1. */
  readonly weightDecay?: number;
  /** `match-rms-adamw`: a rate for AdamW fits. `original`: Jordan's, which wants a rate near 0.02. Default `match-rms-adamw`. */
  readonly adjustLr?: "match-rms-adamw" | "original";
  /** AdamW's, for everything but hidden layers' weights. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** AdamW's. Default 1e-8. */
  readonly eps?: number;
}

/** Turns gradients into new weights. */
export type OptimizerConfig =
  | AdamWConfig
  | CameConfig
  | AdafactorConfig
  | LionConfig
  | ProdigyConfig
  | MuonConfig;

/** The optimizer of a stage that may train the text encoder too. */
export type TextToImageOptimizerConfig = OptimizerConfig & {
  /** Learning rate of the text encoder, or of its adapter; null takes `lr`. Default null. */
  readonly textEncoderLr?: number | null;
};

/** Up in a straight line for `warmupSteps`, then as `type` says. */
export interface PlainScheduleConfig {
  /** `constant` stays; `cosine` and `linear` fall to 0 at the stage's last step. Default `constant`. */
  readonly type?: "constant" | "cosine" | "linear";
  /** Steps until the full learning rate is reached. Default 0. */
  readonly warmupSteps?: number;
}

/** PixArt-α's `cosine_decay_to_constant`: half a cosine down to a share of the rate, which then stays. */
export interface CosineToConstantConfig {
  readonly type: "cosine-to-constant";
  /** Steps until the full learning rate is reached. Default 0. */
  readonly warmupSteps?: number;
  /** Share of the stage's steps after which the rate stays. Default 0.667. */
  readonly decayPortion?: number;
  /** Share of the full rate at which it stays. */
  readonly finalFactor: number;
}

/** How the learning rate moves over a stage. */
export type ScheduleConfig = PlainScheduleConfig | CosineToConstantConfig;
