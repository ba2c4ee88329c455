import type { LossConfig } from "./denoising-config.ts";
import type { Filled } from "./filled.ts";
import type {
  AutoencoderConfig,
  Pretrained,
  PretrainedTokenizer,
  TextEncoderConfig,
  TokenizerConfig,
  TransformerConfig,
} from "./model-config.ts";
import type { AnyStageConfig, Epochs } from "./stage-config.ts";

/** How a data set keeps its pictures and captions. */
export type DatasetLayout =
  | "side-cars"
  | "jsonl"
  | "csv"
  | "captions"
  | "parquet"
  | "webdataset"
  | "pixart-json"
  | "pictures";

/** What a run learns from. */
export interface DatasetConfig {
  /** Folder or file of captioned pictures, or `org/name` on the Hub; `docs/datasets.md` lists the layouts that are recognised. */
  readonly folder: string;
  /** Of a data set on the Hub: a branch, a tag or a commit; null takes `main`, or the Hub's conversion of it. Default null. */
  readonly revision?: string | null;
  /** Which layout to read where a folder holds several; null recognises it. Default null. */
  readonly layout?: DatasetLayout | null;
  /** Column of a table with the picture or its path; null takes the first usual one. Default null. */
  readonly imageColumn?: string | null;
  /** Column of a table with the caption; null takes the first usual one. Default null. */
  readonly textColumn?: string | null;
  /**
   * Column of a table with the control picture of each picture, or its path, for a stage that trains a ControlNet; null takes
   * the first usual one. Default null.
   */
  readonly controlColumn?: string | null;
  /** Folder of control pictures in place of a column: each has its picture's name, in whatever format. Default null. */
  readonly controlFolder?: string | null;
  /** DreamBooth: the caption of every picture, in place of its own; null reads captions. Default null. */
  readonly instancePrompt?: string | null;
  /**
   * DreamBooth's prior preservation: a folder of pictures of the class, of which each text-to-image batch gets as many as
   * it has of the data set. Null trains without. Default null.
   */
  readonly classFolder?: string | null;
  /** The caption of every class picture, such as "a photo of a dog". Default null. */
  readonly classPrompt?: string | null;
  /** How many class pictures there are to be: missing ones are drawn with `base` before training begins. Null draws none. Default null. */
  readonly classImages?: number | null;
  /** Share of pictures that may be unreadable before the run is refused; those are left out and listed. Default 0.05. */
  readonly maxUnreadable?: number;
  /** Whether pictures may be added while the run goes on: a resumed run takes them without being told to. Default false. */
  readonly grows?: boolean;
  /** Takes part of the set: the first so many things, the things named, or `demo`, a fixed 64; null takes all. Default null. */
  readonly things?: number | readonly string[] | "demo" | null;
  /** Takes the pictures of these styles only; null takes all. Default null. */
  readonly styles?: readonly string[] | null;
  /** Chance of training a batch on its dense captions instead of the short ones. Default 0.5. */
  readonly denseCaptionProbability?: number;
  /** Chance of training a picture on the empty caption, for guidance. Default 0.1. */
  readonly captionDropout?: number;
  /** Cleans captions as diffusers' pipeline does with `clean_caption`: addresses, HTML, odd marks. Default false. */
  readonly cleanCaptions?: boolean;
  /** Share of the pictures kept out of training to measure on, where the data marks none itself. Default 0. */
  readonly heldoutShare?: number;
  /** What frozen encoders make of pictures and captions, kept so that it is made once. */
  readonly cache?: CacheConfig;
}

/** Where features are kept. They are found again by what they were made of, so that runs may share a folder. */
export interface CacheConfig {
  /** Null keeps them in the run folder. Default null. */
  readonly folder?: string | null;
  /** False encodes pictures anew in every step. Default true. */
  readonly latents?: boolean;
  /** False encodes captions anew in every step. Default true. */
  readonly texts?: boolean;
}

/** The pictures that the run draws of itself: always the same prompts from the same noise. */
export interface SamplingConfig {
  /** One picture each on every sample sheet, at most 64. */
  readonly prompts: readonly string[];
  /** Steps of DPM-Solver++. Default 20. */
  readonly steps?: number;
  /** Strength of classifier-free guidance; 1 is none. Default 4.5, PixArt-α's. */
  readonly guidanceScale?: number;
  /** Seed of the first noise. Default 0. */
  readonly seed?: number;
}

/** What `pixart publish` writes from a checkpoint. */
export interface PublishConfig {
  /** Number type of the written weights. Default `float32`. */
  readonly dtype?: "float32" | "bfloat16";
}

/** One training run: the data, the models' shapes and the stages. Every file in `configs/` exports one. */
export interface TrainConfig {
  /** Name of the run; the config file's name unless given. */
  readonly name?: string;
  /** Seed of every draw in the run. Default 0. */
  readonly seed?: number;
  /** The run folder; `work_dirs/<name>` unless given. */
  readonly workDir?: string;
  /**
   * What the run computes on: `auto`, a GPU of CUDA where there is one and the CPU otherwise; `cpu`; `cuda`, of which each
   * process takes its own; or a device of libtorch's, such as `cuda:1`. Default `auto`.
   */
  readonly device?: string;
  /** Processor threads of the engine; null leaves the choice to libtorch. Default null. */
  readonly threads?: number | null;
  /**
   * Processes that share a step: it takes batchSize × gradientAccumulation × processes pictures. A run that begins with
   * several processes has as many, unless this says more than one; it may go on with fewer, which then do more each. Default 1.
   */
  readonly processes?: number;
  /**
   * What a checkpoint does that finds the disk full: end the run, wait for room and try again every half minute, or delete
   * older checkpoints, never the newest. Default `stop`.
   */
  readonly whenFull?: "stop" | "wait" | "prune";
  /** A pipeline, as a folder or by its name on the Hub, for all components that are not given. Null where there is none. Default null. */
  readonly base?: string | null;
  readonly dataset: DatasetConfig;
  readonly autoencoder?: AutoencoderConfig | Pretrained;
  readonly tokenizer?: TokenizerConfig | PretrainedTokenizer;
  readonly textEncoder?: TextEncoderConfig | Pretrained;
  /** Its shape, or where it is read from; needed where there is no `base`. */
  readonly transformer?: TransformerConfig | Pretrained;
  /** Trained one after the other; each starts from what the earlier ones left. */
  readonly stages: readonly AnyStageConfig[];
  readonly sampling: SamplingConfig;
  readonly publish?: PublishConfig;
}

/** A checked config with every default written out; null means "not set". */
export type ParsedConfig = Filled<TrainConfig>;

/** `T` with steps in place of epochs and with losses that say their target, at every depth. */
type Settled<T> = T extends Epochs
  ? never
  : T extends Filled<LossConfig>
    ? Omit<T, "type"> & { readonly type: LossType }
    : T extends object
      ? { readonly [K in keyof T]: Settled<T[K]> }
      : T;

/** What a loss makes a model predict. */
export type LossType = NonNullable<LossConfig["type"]>;

/** A checked config as a run uses it: epochs have become steps, and losses say their target. */
export type ResolvedConfig = Settled<ParsedConfig>;

/** A stage of a run's config, of one kind or of any. */
export type ResolvedStage<
  Kind extends ResolvedConfig["stages"][number]["kind"] = ResolvedConfig["stages"][number]["kind"],
> = Extract<ResolvedConfig["stages"][number], { kind: Kind }>;
