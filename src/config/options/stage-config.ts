import type { LossConfig, NoiseConfig, TimestepsConfig } from "./denoising-config.ts";
import type {
  OptimizerConfig,
  ScheduleConfig,
  TextToImageOptimizerConfig,
} from "./optimizer-config.ts";

/** The running average of the weights that samples and published models are made of. */
export interface EmaConfig {
  /** Share of the old average kept a step. Default 0.999. */
  readonly decay?: number;
  /** Starts with a smaller decay, so that the random first weights are forgotten early. Default true. */
  readonly warmup?: boolean;
}

/** When a step's loss is so much above the usual that the run goes back to its newest checkpoint and passes its pictures over. */
export interface SpikesConfig {
  /** How many times the usual loss at such timesteps. Default 10. */
  readonly factor?: number;
  /** Steps that say what is usual; nothing is a spike before a stage has done so many. Default 100. */
  readonly window?: number;
}

/** A number of passes over all pictures of a stage. */
export interface Epochs {
  readonly epochs: number;
}

/** How pictures are brought to the stage's resolution. */
export interface TransformConfig {
  /** How pixels are weighed where a picture is made smaller or larger. Default `lanczos`. */
  readonly resample?: "bilinear" | "bicubic" | "lanczos";
  /** What is taken of pictures that are not square, once their short side is the resolution. Default `center`. */
  readonly crop?: "center" | "random";
  /** Chance of mirroring a picture left to right. Default 0. */
  readonly horizontalFlip?: number;
}

/** A small addition that is trained in place of a model's own weights, in PEFT's terms and with PEFT's defaults. */
export interface StageAdapterConfig {
  /** Hu et al. 2021; `dora` adds a learnt length for each output (Liu et al. 2024). `loha`, `lokr` and `oft` as in PEFT. */
  readonly type: "lora" | "dora" | "loha" | "lokr" | "oft";
  /** Rank; for `oft` the number of blocks, 0 where the block size is 32. Default 8, for `oft` 0. */
  readonly r?: number | null;
  /** What the addition is scaled by, times 1/r; `oft` has none. Null takes 8, PEFT's. Default null. */
  readonly alpha?: number | null;
  /**
   * Ends of the names of layers that have it. Default on the transformer `["to_q", "to_k", "to_v", "to_out.0"]`, diffengine's;
   * on the text encoder `["q", "v"]`, PEFT's for T5.
   */
  readonly targetModules?: readonly string[];
}

/** Latent consistency distillation, after which a picture takes a few steps without guidance; PixArt-δ's defaults. */
export interface ConsistencyConfig {
  /** How far the teacher, the model that the stage begins with, goes beyond its conditional prediction. Default 4.5. */
  readonly guidanceScale?: number;
  /** Steps of the DDIM solver whose neighbours are to agree. Default 50. */
  readonly solverSteps?: number;
  /** Where the pseudo-Huber loss turns from square to straight. Default 0.001. */
  readonly huberC?: number;
}

/** PixArt-δ's ControlNet (arXiv 2401.05252 section 4): copies of the transformer's first blocks learn to follow a second picture. */
export interface ControlNetConfig {
  /** How many of the first blocks are copied; fewer than the transformer has. Default 13. */
  readonly blocks?: number;
  /**
   * What the copies see of each picture: `given`, the control picture that the data set has beside it (`dataset.controlColumn`,
   * `dataset.controlFolder`), or `edges`, Sobel's edges of the picture itself at the size that it is trained at. Default `given`.
   */
  readonly condition?: "given" | "edges";
}

/** What every stage has. */
export interface StageConfig {
  /** The stage's name in events, samples and progress; unique in the run. */
  readonly name: string;
  /** Side of the square training pictures, in pixels. */
  readonly resolution: number;
  /** Pictures a forward pass. */
  readonly batchSize: number;
  /** Optimizer steps of this stage in total, resumes included; or how often each picture is seen. */
  readonly steps: number | Epochs;
  /** Learning rate over the stage. */
  readonly schedule?: ScheduleConfig;
  /** Largest global norm of the gradient; larger ones are scaled down to it. Default 1. */
  readonly gradientClip?: number;
  /** Forward passes whose gradients are averaged into one step. Default 1. */
  readonly gradientAccumulation?: number;
  /**
   * Spreads the optimizer's state over a run's processes: each holds and updates a part (ZeRO stage 1, arXiv 1910.02054). Less
   * memory each, the same weights; without effect in one process. Not with Prodigy. Default false.
   */
  readonly shardOptimizer?: boolean;
  /** Recomputes each block's activations in the backward pass: less memory, more time. Default false. */
  readonly gradientCheckpointing?: boolean;
  /** Number type of the forward pass's large products; weights and their updates stay float32. Default `float32`. */
  readonly precision?: "float32" | "bfloat16";
  /** Running average of the weights; null keeps none, and samples and published models are the weights themselves. */
  readonly ema?: EmaConfig | null;
  /** Steps or epochs between checkpoints; the stage's end always saves one. Default 500. */
  readonly checkpointEvery?: number | Epochs;
  /** Checkpoints kept; older ones are deleted. Default 3. */
  readonly keepCheckpoints?: number;
  /** Keeps the checkpoint with the lowest loss on held-out pictures too, where there are such and `validateEvery` is set: the loss is then also measured at every checkpoint. Default true. */
  readonly keepBest?: boolean;
  /** Steps or epochs between sample sheets; null draws them at the stage's start and end only. Default 500. */
  readonly sampleEvery?: number | Epochs | null;
  /** Steps or epochs between losses on held-out pictures; null measures at the stage's end only, where pictures are held out. Default null. */
  readonly validateEvery?: number | Epochs | null;
  /** Guards against loss spikes; null does not. */
  readonly spikes?: SpikesConfig | null;
  /** How pictures become squares of the resolution. */
  readonly transform?: TransformConfig;
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
  /** What noise pictures are trained with. */
  readonly noise?: NoiseConfig;
  /** Which timesteps pictures are trained at. */
  readonly timesteps?: TimestepsConfig;
  /** Chance of training a picture without its class, for guidance. Default 0.1, DiT's. */
  readonly classDropout?: number;
}

/** PixArt-α's second and third stages: text-image alignment and high aesthetics. */
export interface TextToImageStageConfig extends StageConfig {
  readonly kind: "text-to-image";
  readonly optimizer: TextToImageOptimizerConfig;
  /** Diffusion loss. */
  readonly loss?: LossConfig;
  /** What noise pictures are trained with. */
  readonly noise?: NoiseConfig;
  /** Which timesteps pictures are trained at. */
  readonly timesteps?: TimestepsConfig;
  /** Trains on the data set's curated pictures only. Default false. */
  readonly curated?: boolean;
  /**
   * Trains each picture at the size of PixArt's table that is nearest to its shape, in batches of one size, in place of
   * squares (multi-scale training; resolution is 256, 512, 1024, 2048 or 2880). Default false.
   */
  readonly aspectRatios?: boolean;
  /** What the loss of a class picture counts for, next to 1 for the data set's own (DreamBooth's prior preservation). Default 1. */
  readonly priorLossWeight?: number;
  /** Trains the text encoder together with the transformer. Default false. */
  readonly trainTextEncoder?: boolean;
  /** Trains an addition to the transformer, whose own weights stay as they are; null trains the weights. Default null. */
  readonly adapter?: StageAdapterConfig | null;
  /**
   * Trains an addition to the text encoder, whose own weights stay as they are, together with the transformer or its adapter.
   * Captions are then encoded in every step. Null trains none. Default null.
   */
  readonly textEncoderAdapter?: StageAdapterConfig | null;
  /** Trains a ControlNet of the transformer, whose own weights stay as they are; null trains none. Default null. */
  readonly controlnet?: ControlNetConfig | null;
  /**
   * Distils the model that the stage begins with, or what its adapter is on, into one of few steps, in place of the diffusion
   * loss; `loss.type` says what it predicts. The average (`ema`) is the distillation's target. Null trains as usual. Default null.
   */
  readonly consistency?: ConsistencyConfig | null;
  /** What position-embedding coordinates are divided by; 2 where the side doubled since an earlier stage, so that known positions keep their places. Null keeps a pretrained transformer's, and is 1 otherwise. Default null. */
  readonly interpolationScale?: number | null;
}

/** One stage of the curriculum. */
export type AnyStageConfig =
  | AutoencoderStageConfig
  | ClassConditionalStageConfig
  | TextToImageStageConfig;
