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

/** How a data set stores its pictures and captions. */
export type DatasetLayout =
  | "side-cars"
  | "jsonl"
  | "csv"
  | "captions"
  | "parquet"
  | "webdataset"
  | "pixart-json"
  | "pictures";

/** The training data. */
export interface DatasetConfig {
  /** Folder or file of captioned pictures, or `org/name` on the Hub; `docs/datasets.md` lists the supported layouts. */
  readonly folder: string;
  /** For a data set on the Hub: a branch, a tag or a commit; null uses `main`, or the Hub's conversion of it. Default null. */
  readonly revision?: string | null;
  /** Layout to read if a folder holds several; null detects it. Default null. */
  readonly layout?: DatasetLayout | null;
  /** Column of a table with the picture or its path; null uses the first usual one. Default null. */
  readonly imageColumn?: string | null;
  /** Column of a table with the caption; null uses the first usual one. Default null. */
  readonly textColumn?: string | null;
  /**
   * Column of a table with each picture's control picture, or its path, for a stage that trains a ControlNet; null uses the first
   * usual one. Default null.
   */
  readonly controlColumn?: string | null;
  /** Folder of control pictures, instead of a column: each has its picture's name, in any format. Default null. */
  readonly controlFolder?: string | null;
  /** DreamBooth: the caption of every picture, instead of its own; null reads captions. Default null. */
  readonly instancePrompt?: string | null;
  /**
   * DreamBooth's prior preservation: a folder of pictures of the class; each text-to-image batch gets as many of them as it has
   * pictures of the data set. Null trains without. Default null.
   */
  readonly classFolder?: string | null;
  /** The caption of every class picture, such as "a photo of a dog". Default null. */
  readonly classPrompt?: string | null;
  /** Number of class pictures: missing ones are drawn with `base` before training starts. Null draws none. Default null. */
  readonly classImages?: number | null;
  /** Share of pictures that may be unreadable before the run is refused; unreadable ones are skipped and listed. Default 0.05. */
  readonly maxUnreadable?: number;
  /** Whether pictures may be added during the run: a resumed run accepts new ones without an option. Default false. */
  readonly grows?: boolean;
  /**
   * Uses part of the set: the first things up to this number, the things named, or `demo`, a fixed 64; null uses all. Default
   * null.
   */
  readonly things?: number | readonly string[] | "demo" | null;
  /** Uses only the pictures of these groups, by the data set's column `group`; null uses all. Default null. */
  readonly groups?: readonly string[] | null;
  /** Uses only the pictures of these styles, by the data set's column `style`; null uses all. Default null. */
  readonly styles?: readonly string[] | null;
  /**
   * Chance of training a batch on its dense captions instead of the short ones. With an `instancePrompt` there are none. Default
   * 0.5.
   */
  readonly denseCaptionProbability?: number;
  /** Chance of training a picture on the empty caption, for guidance. Default 0.1. */
  readonly captionDropout?: number;
  /** Cleans captions like diffusers' pipeline with `clean_caption`: removes URLs, HTML and odd characters. Default false. */
  readonly cleanCaptions?: boolean;
  /** Share of the pictures held out for validation, if the data itself marks none. Default 0. */
  readonly heldoutShare?: number;
  /** Cache of the frozen encoders' output for pictures and captions, so that each is encoded only once. */
  readonly cache?: CacheConfig;
}

/** Where features are cached. They are keyed by what they were computed from, so runs may share a folder. */
export interface CacheConfig {
  /** Null uses the run folder. Default null. */
  readonly folder?: string | null;
  /** False encodes pictures in every step. Default true. */
  readonly latents?: boolean;
  /** False encodes captions in every step. Default true. */
  readonly texts?: boolean;
}

/** The samples that a run draws: always the same prompts from the same noise. */
export interface SamplingConfig {
  /** One picture per prompt on every sample sheet, at most 64. */
  readonly prompts: readonly string[];
  /** Steps of DPM-Solver++. Default 20. */
  readonly steps?: number;
  /** Strength of classifier-free guidance; 1 disables it. Default 4.5, as in PixArt-α. */
  readonly guidanceScale?: number;
  /** Seed of the first picture's noise. Default 0. */
  readonly seed?: number;
}

/** Output of `pixart publish` for a checkpoint. */
export interface PublishConfig {
  /** Dtype of the written weights. Default `float32`. */
  readonly dtype?: "float32" | "bfloat16";
}

/** One training run: the data, the models' shapes and the stages. Every file in `configs/` exports one. */
export interface TrainConfig {
  /** Name of the run; by default the config file's name. */
  readonly name?: string;
  /** Seed of all random draws in the run. Default 0. */
  readonly seed?: number;
  /** The run folder; by default `work_dirs/<name>`. */
  readonly workDir?: string;
  /**
   * Device to compute on: `auto`, a CUDA GPU if there is one and the CPU otherwise; `cpu`; `cuda`, of which each process takes
   * its own; or a libtorch device such as `cuda:1`. Default `auto`.
   */
  readonly device?: string;
  /** CPU threads of the engine; null leaves the choice to libtorch. Default null. */
  readonly threads?: number | null;
  /**
   * Processes that share a step: a step takes batchSize × gradientAccumulation × processes pictures. A run started with several
   * processes uses that number, unless this is more than one; it may continue with fewer, which then do more each. Default 1.
   */
  readonly processes?: number;
  /**
   * What to do if the disk is full when saving a checkpoint: end the run, wait for room and retry every half minute, or delete
   * older checkpoints, never the newest. Default `stop`.
   */
  readonly whenFull?: "stop" | "wait" | "prune";
  /**
   * A pipeline, as a folder or by its name on the Hub, that provides all components not given here. Null if there is none.
   * Default null.
   */
  readonly base?: string | null;
  readonly dataset: DatasetConfig;
  readonly autoencoder?: AutoencoderConfig | Pretrained;
  readonly tokenizer?: TokenizerConfig | PretrainedTokenizer;
  readonly textEncoder?: TextEncoderConfig | Pretrained;
  /** Its shape, or where to load it from; required if there is no `base`. */
  readonly transformer?: TransformerConfig | Pretrained;
  /** Trained one after the other; each starts from the results of the earlier ones. */
  readonly stages: readonly AnyStageConfig[];
  readonly sampling: SamplingConfig;
  readonly publish?: PublishConfig;
}

/** A checked config with every default filled in; null means "not set". */
export type ParsedConfig = Filled<TrainConfig>;

/** `T` with steps instead of epochs, and with an explicit precision for every stage and target for every loss, at every depth. */
type Settled<T> = T extends Epochs | "auto"
  ? never
  : T extends Filled<LossConfig>
    ? Omit<T, "type"> & { readonly type: LossType }
    : T extends object
      ? { readonly [K in keyof T]: Settled<T[K]> }
      : T;

/** What a loss trains a model to predict. */
export type LossType = NonNullable<LossConfig["type"]>;

/** A checked config in the form that a run uses: epochs are converted to steps, and precisions and losses' targets are explicit. */
export type ResolvedConfig = Settled<ParsedConfig>;

/** A stage of a run's config, of one kind or of any. */
export type ResolvedStage<
  Kind extends ResolvedConfig["stages"][number]["kind"] = ResolvedConfig["stages"][number]["kind"],
> = Extract<ResolvedConfig["stages"][number], { kind: Kind }>;
