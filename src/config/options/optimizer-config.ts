import type {
  AdafactorOptions,
  AdamWOptions,
  CameOptions,
  LionOptions,
  MuonOptions,
  ProdigyOptions,
} from "../../optim/optimizer-options.ts";

interface WithRate {
  /** Learning rate after the warm-up. */
  readonly lr: number;
}

/** AdamW (Loshchilov and Hutter, "Decoupled Weight Decay Regularization"). */
export interface AdamWConfig extends WithRate, AdamWOptions {
  /** Default `adamw`. */
  readonly type?: "adamw";
}

/** CAME (Luo et al. 2023), as PixArt-Σ uses it: about half of AdamW's memory, and smaller steps if updates disagree. */
export interface CameConfig extends WithRate, CameOptions {
  readonly type: "came";
}

/** Adafactor (Shazeer and Stern 2018) as in torch.optim: almost no memory, and a rate relative to each parameter's size. */
export interface AdafactorConfig extends WithRate, AdafactorOptions {
  readonly type: "adafactor";
}

/**
 * Lion (Chen et al. 2023): half of AdamW's memory. Needs a third to a tenth of AdamW's rate, and correspondingly more weight
 * decay.
 */
export interface LionConfig extends WithRate, LionOptions {
  readonly type: "lion";
}

/** Prodigy (Mishchenko and Defazio 2023): AdamW that finds its own learning rate; twice AdamW's memory. */
export interface ProdigyConfig extends ProdigyOptions {
  readonly type: "prodigy";
  /** Factor on the rate that it finds. Default 1. */
  readonly lr?: number;
}

/** Muon (Jordan et al. 2024; Liu et al. 2025, whose defaults these are) for the weights of hidden layers, AdamW for the rest. */
export interface MuonConfig extends WithRate, MuonOptions {
  readonly type: "muon";
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
  /** Learning rate of the text encoder or its adapter; null uses `lr`. Default null. */
  readonly textEncoderLr?: number | null;
};

/** Linear warm-up over `warmupSteps`, then according to `type`. */
export interface PlainScheduleConfig {
  /** `constant` stays; `cosine` and `linear` fall to 0 at the stage's last step. Default `constant`. */
  readonly type?: "constant" | "cosine" | "linear";
  /** Steps until the full learning rate is reached. Default 0. */
  readonly warmupSteps?: number;
}

/** PixArt-α's `cosine_decay_to_constant`: half a cosine down to a share of the rate, then constant. */
export interface CosineToConstantConfig {
  readonly type: "cosine-to-constant";
  /** Steps until the full learning rate is reached. Default 0. */
  readonly warmupSteps?: number;
  /** Share of the stage's steps after which the rate is constant. Default 0.667. */
  readonly decayPortion?: number;
  /** The final rate, as a share of the full rate. */
  readonly finalFactor: number;
}

/** How the learning rate changes over a stage. */
export type ScheduleConfig = PlainScheduleConfig | CosineToConstantConfig;
