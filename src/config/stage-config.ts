/** AdamW (Loshchilov & Hutter, "Decoupled Weight Decay Regularization"). */
export interface OptimizerConfig {
  /** Learning rate once the warm-up is over. */
  readonly lr: number;
  /** Decay of the running mean and of the running square of the gradient. Default `[0.9, 0.999]`. */
  readonly betas?: readonly [number, number];
  /** Share of each weight taken away a step, times the learning rate. Default 0.03, PixArt-α's. */
  readonly weightDecay?: number;
  /** Added to the root of the running square. Default 1e-8. */
  readonly eps?: number;
}

/** The optimizer of a stage that may train the text encoder too. */
export interface TextToImageOptimizerConfig extends OptimizerConfig {
  /** Learning rate of the text encoder; null takes `lr`. Default null. */
  readonly textEncoderLr?: number | null;
}

/** How the learning rate moves over a stage: up in a straight line for `warmupSteps`, then as `type` says. */
export interface ScheduleConfig {
  /** `constant` stays; `cosine` and `linear` fall to 0 at the stage's last step. Default `constant`. */
  readonly type?: "constant" | "cosine" | "linear";
  /** Steps until the full learning rate is reached. Default 0. */
  readonly warmupSteps?: number;
}

/** The running average of the weights that samples and published models are made of. */
export interface EmaConfig {
  /** Share of the old average kept a step. Default 0.999. */
  readonly decay?: number;
  /** Starts with a smaller decay, so that the random first weights are forgotten early. Default true. */
  readonly warmup?: boolean;
}

/** Diffusion loss of the noise prediction. */
export interface LossConfig {
  /**
   * `epsilon`: squared error of the noise. `epsilon+vlb`: and the variational bound of the learned variance, as DiT and
   * PixArt-α train. `v`: squared error of the velocity (Salimans and Ho 2022), which small models learn sooner; the
   * stages of a run must agree on it. Default `epsilon+vlb`.
   */
  readonly type?: "epsilon" | "epsilon+vlb" | "v";
  /** Caps each timestep's signal-to-noise weight at this (Min-SNR, Hang et al. 2023, γ = 5 there); null weighs all timesteps alike. Default null. */
  readonly minSnrGamma?: number | null;
  /** Weighs timesteps by 1/sqrt(SNR), so that large shapes are learned sooner (Yu et al. 2023); not together with minSnrGamma. Default false. */
  readonly debiased?: boolean;
}

/** What every stage has. */
export interface StageConfig {
  /** The stage's name in events, samples and progress; unique in the run. */
  readonly name: string;
  /** Side of the square training pictures, in pixels. */
  readonly resolution: number;
  /** Pictures a forward pass. */
  readonly batchSize: number;
  /** Optimizer steps of this stage in total, resumes included. */
  readonly steps: number;
  /** Learning rate over the stage. */
  readonly schedule?: ScheduleConfig;
  /** Largest global norm of the gradient; larger ones are scaled down to it. Default 1. */
  readonly gradientClip?: number;
  /** Forward passes whose gradients are averaged into one step. Default 1. */
  readonly gradientAccumulation?: number;
  /** Recomputes each block's activations in the backward pass: less memory, more time. Default false. */
  readonly gradientCheckpointing?: boolean;
  /** Number type of the forward pass's large products; weights and their updates stay float32. Default `float32`. */
  readonly precision?: "float32" | "bfloat16";
  /** Running average of the weights. */
  readonly ema?: EmaConfig;
  /** Steps between checkpoints; the stage's end always saves one. Default 500. */
  readonly checkpointEvery?: number;
  /** Checkpoints kept; older ones are deleted. Default 3. */
  readonly keepCheckpoints?: number;
  /** Steps between sample sheets; null draws them at the stage's start and end only. Default 500. */
  readonly sampleEvery?: number | null;
  /** Steps between losses on held-out pictures; null measures at the stage's end only. Default null. */
  readonly validateEvery?: number | null;
}

/** Trains the autoencoder on pictures: absolute error plus a small Kullback-Leibler term. */
export interface AutoencoderStageConfig extends StageConfig {
  readonly kind: "autoencoder";
  readonly optimizer: OptimizerConfig;
  /** Weight of the Kullback-Leibler term (Rombach et al. 2022). Default 1e-6. */
  readonly klWeight?: number;
}

/** PixArt-α's first stage, pixel dependency: a class-conditional DiT, from which the transformer then starts. */
export interface ClassConditionalStageConfig extends StageConfig {
  readonly kind: "class-conditional";
  readonly optimizer: OptimizerConfig;
  /** Diffusion loss. */
  readonly loss?: LossConfig;
  /** Chance of training a picture without its class, for guidance. Default 0.1, DiT's. */
  readonly classDropout?: number;
}

/** PixArt-α's second and third stages: text-image alignment and high aesthetics. */
export interface TextToImageStageConfig extends StageConfig {
  readonly kind: "text-to-image";
  readonly optimizer: TextToImageOptimizerConfig;
  /** Diffusion loss. */
  readonly loss?: LossConfig;
  /** Trains on the data set's curated pictures only. Default false. */
  readonly curated?: boolean;
  /** Trains the text encoder together with the transformer. Default false. */
  readonly trainTextEncoder?: boolean;
  /** What position-embedding coordinates are divided by; 2 where the side doubled since an earlier stage, so that known positions keep their places. Default 1. */
  readonly interpolationScale?: number;
}

/** One stage of the curriculum. */
export type AnyStageConfig =
  | AutoencoderStageConfig
  | ClassConditionalStageConfig
  | TextToImageStageConfig;
