import type { LossConfig, NoiseConfig, TimestepsConfig } from "./denoising-config.ts";
import type {
  OptimizerConfig,
  ScheduleConfig,
  TextToImageOptimizerConfig,
} from "./optimizer-config.ts";

/** Dtype of a stage's large matrix products. */
export type Precision = "float32" | "bfloat16";

/** Running average of the weights, used for samples and published models. */
export interface EmaConfig {
  /** Share of the old average kept per step. Default 0.999. */
  readonly decay?: number;
  /** Starts with a smaller decay, so that the random initial weights are soon forgotten. Default true. */
  readonly warmup?: boolean;
}

/** When a step's loss counts as a spike: the run then goes back to its newest checkpoint and skips those pictures. */
export interface SpikesConfig {
  /** Multiple of the usual loss at such timesteps. Default 10. */
  readonly factor?: number;
  /** Number of steps that define the usual loss; nothing is a spike before a stage has done that many. Default 100. */
  readonly window?: number;
}

/** A number of passes over all pictures of a stage. */
export interface Epochs {
  readonly epochs: number;
}

/** How pictures are resized to the stage's resolution. */
export interface TransformConfig {
  /** Resampling filter. Default `lanczos`. */
  readonly resample?: "bilinear" | "bicubic" | "lanczos";
  /** Which part of non-square pictures is used, once their short side has been resized to the resolution. Default `center`. */
  readonly crop?: "center" | "random";
  /** Chance of mirroring a picture left to right. Default 0. */
  readonly horizontalFlip?: number;
}

/** A small addition trained instead of a model's own weights, in PEFT's terms and with PEFT's defaults. */
export interface StageAdapterConfig {
  /**
   * `lora`: Hu et al. 2021. `dora` adds a learned magnitude per output (Liu et al. 2024). `loha`, `lokr` and `oft` as in PEFT.
   */
  readonly type: "lora" | "dora" | "loha" | "lokr" | "oft";
  /** Rank; for `oft` the number of blocks, or 0 for a block size of 32. Default 8, for `oft` 0. */
  readonly r?: number | null;
  /** Scale of the addition, times 1/r; `oft` has none. Null uses 8, PEFT's default. Default null. */
  readonly alpha?: number | null;
  /**
   * Name suffixes of the layers to adapt. Default for the transformer `["to_q", "to_k", "to_v", "to_out.0"]`, as in diffengine;
   * for the text encoder `["q", "v"]`, PEFT's for T5.
   */
  readonly targetModules?: readonly string[];
}

/**
 * Latent consistency distillation, after which drawing takes a few steps without guidance; the defaults are those of PixArt-δ.
 */
export interface ConsistencyConfig {
  /** How far the teacher, the model that the stage starts with, extrapolates beyond its conditional prediction. Default 4.5. */
  readonly guidanceScale?: number;
  /** Steps of the DDIM solver; predictions at neighbouring steps have to agree. Default 50. */
  readonly solverSteps?: number;
  /** Where the pseudo-Huber loss changes from quadratic to linear. Default 0.001. */
  readonly huberC?: number;
}

/**
 * PixArt-δ's ControlNet (arXiv 2401.05252 section 4): copies of the transformer's first blocks learn to follow a second picture.
 */
export interface ControlNetConfig {
  /** Number of first blocks to copy; fewer than the transformer has. Default 13. */
  readonly blocks?: number;
  /**
   * Input of the copies for each picture: `given`, the data set's control picture (`dataset.controlColumn`,
   * `dataset.controlFolder`), or `edges`, Sobel edges of the picture itself at its training size. Default `given`.
   */
  readonly condition?: "given" | "edges";
}

/** Common to all stages. */
export interface StageConfig {
  /** Name of the stage in events, samples and progress; unique within the run. */
  readonly name: string;
  /** Side of the square training pictures, in pixels. */
  readonly resolution: number;
  /** Pictures per forward pass. */
  readonly batchSize: number;
  /** Total optimizer steps of this stage, across resumes; or the number of epochs. */
  readonly steps: number | Epochs;
  /** Learning rate over the stage. */
  readonly schedule?: ScheduleConfig;
  /** Maximum global norm of the gradient; larger gradients are scaled down to it. Default 1. */
  readonly gradientClip?: number;
  /** Forward passes whose gradients are averaged into one step. Default 1. */
  readonly gradientAccumulation?: number;
  /**
   * Distributes the optimizer's state over a run's processes: each holds and updates a part (ZeRO stage 1, arXiv 1910.02054).
   * Uses less memory per process and gives the same weights; no effect with a single process. Not with Prodigy. Default false.
   */
  readonly shardOptimizer?: boolean;
  /** Recomputes each block's activations in the backward pass: less memory, more time. Default false. */
  readonly gradientCheckpointing?: boolean;
  /**
   * Dtype of the large matrix products in the forward pass; weights and their updates stay float32. `auto` is bfloat16 on GPUs and on
   * processors with bfloat16 multiplication (AVX512-BF16, AMX), on others float32, where bfloat16 takes several times as long. `auto`
   * is decided once, when the run starts. Default `float32`.
   */
  readonly precision?: Precision | "auto";
  /** Running average of the weights; null keeps none, and samples and published models use the weights themselves. */
  readonly ema?: EmaConfig | null;
  /** Steps or epochs between checkpoints; the stage's end is always saved. Default 500. */
  readonly checkpointEvery?: number | Epochs;
  /** Number of checkpoints to keep; older ones are deleted. Default 3. */
  readonly keepCheckpoints?: number;
  /**
   * Also keeps the checkpoint with the lowest held-out loss, if pictures are held out and `validateEvery` is set: the loss is
   * then measured at every checkpoint too. Default true.
   */
  readonly keepBest?: boolean;
  /** Steps or epochs between sample sheets; null draws them only at the stage's start and end. Default 500. */
  readonly sampleEvery?: number | Epochs | null;
  /** Steps or epochs between validations; null validates only at the stage's end, if pictures are held out. Default null. */
  readonly validateEvery?: number | Epochs | null;
  /**
   * How many pictures of each split a validation measures, each with its own timestep and noise; pictures are repeated if there are
   * fewer. 0 never validates. Default 256.
   */
  readonly validationSamples?: number;
  /** Protection against loss spikes; null turns it off. */
  readonly spikes?: SpikesConfig | null;
  /** How pictures are made into squares of the resolution. The stage of an autoencoder takes only the defaults. */
  readonly transform?: TransformConfig;
}

/** Trains the autoencoder on pictures: absolute error plus a small Kullback-Leibler term. */
export interface AutoencoderStageConfig extends StageConfig {
  readonly kind: "autoencoder";
  readonly optimizer: OptimizerConfig;
  /** Weight of the Kullback-Leibler term (Rombach et al. 2022). Default 1e-6. */
  readonly klWeight?: number;
}

/** PixArt-α's first stage, pixel dependency: a class-conditional DiT that the transformer then starts from. */
export interface ClassConditionalStageConfig extends StageConfig {
  readonly kind: "class-conditional";
  readonly optimizer: OptimizerConfig;
  /** Diffusion loss. */
  readonly loss?: LossConfig;
  /** The noise that pictures are trained with. */
  readonly noise?: NoiseConfig;
  /** The timesteps that pictures are trained at. */
  readonly timesteps?: TimestepsConfig;
  /** Chance of training a picture without its class, for guidance. Default 0.1, as in DiT. */
  readonly classDropout?: number;
}

/** PixArt-α's second and third stages: text-image alignment and high aesthetics. */
export interface TextToImageStageConfig extends StageConfig {
  readonly kind: "text-to-image";
  readonly optimizer: TextToImageOptimizerConfig;
  /** Diffusion loss. */
  readonly loss?: LossConfig;
  /** The noise that pictures are trained with. */
  readonly noise?: NoiseConfig;
  /** The timesteps that pictures are trained at. */
  readonly timesteps?: TimestepsConfig;
  /** Trains only on the data set's curated pictures. Default false. */
  readonly curated?: boolean;
  /**
   * Trains each picture at the size in PixArt's table nearest to its shape, in batches of one size, instead of squares
   * (multi-scale training; resolution is 256, 512, 1024, 2048 or 2880). Default false.
   */
  readonly aspectRatios?: boolean;
  /**
   * Weight of a class picture's loss, relative to 1 for the data set's own pictures (DreamBooth's prior preservation). Default 1.
   */
  readonly priorLossWeight?: number;
  /** Trains the text encoder together with the transformer. Default false. */
  readonly trainTextEncoder?: boolean;
  /** Trains an addition to the transformer, whose own weights are frozen; null trains the weights. Default null. */
  readonly adapter?: StageAdapterConfig | null;
  /**
   * Trains an addition to the text encoder, whose own weights are frozen, together with the transformer or its adapter. Captions
   * are then encoded in every step. Null trains none. Default null.
   */
  readonly textEncoderAdapter?: StageAdapterConfig | null;
  /** Trains a ControlNet for the transformer, whose own weights are frozen; null trains none. Default null. */
  readonly controlnet?: ControlNetConfig | null;
  /**
   * Distils the model that the stage starts with, or the model under its adapter, into one that needs few steps, instead of using
   * the diffusion loss; `loss.type` gives its prediction target. The average (`ema`) is the distillation's target. Null trains as
   * usual. Default null.
   */
  readonly consistency?: ConsistencyConfig | null;
  /**
   * Divisor of position-embedding coordinates; 2 if the side has doubled since an earlier stage, so that known positions keep
   * their places. Null keeps a pretrained transformer's value, and is 1 otherwise. Default null.
   */
  readonly interpolationScale?: number | null;
}

/** A stage of the curriculum. */
export type AnyStageConfig =
  | AutoencoderStageConfig
  | ClassConditionalStageConfig
  | TextToImageStageConfig;
