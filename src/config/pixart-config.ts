import type { Filled } from "./filled.ts";
import type {
  AutoencoderConfig,
  Pretrained,
  PretrainedTokenizer,
  TextEncoderConfig,
  TokenizerConfig,
  TransformerConfig,
} from "./model-config.ts";
import type { AnyStageConfig } from "./stage-config.ts";

/** What a run learns from. */
export interface DatasetConfig {
  /** Folder with `metadata.jsonl` and the pictures that it names. */
  readonly folder: string;
  /** Takes part of the set: the first so many things, the things named, or `demo`, a fixed 64; null takes all. Default null. */
  readonly things?: number | readonly string[] | "demo" | null;
  /** Takes the pictures of these styles only; null takes all. Default null. */
  readonly styles?: readonly string[] | null;
  /** Chance of training a batch on its dense captions instead of the short ones. Default 0.5. */
  readonly denseCaptionProbability?: number;
  /** Chance of training a picture on the empty caption, for guidance. Default 0.1. */
  readonly captionDropout?: number;
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
export interface PixArtConfig {
  /** Name of the run; the config file's name unless given. */
  readonly name?: string;
  /** Seed of every draw in the run. Default 0. */
  readonly seed?: number;
  /** The run folder; `work_dirs/<name>` unless given. */
  readonly workDir?: string;
  /** Processor threads of the engine; null leaves the choice to libtorch. Default null. */
  readonly threads?: number | null;
  readonly dataset: DatasetConfig;
  readonly autoencoder?: AutoencoderConfig | Pretrained;
  readonly tokenizer?: TokenizerConfig | PretrainedTokenizer;
  readonly textEncoder?: TextEncoderConfig | Pretrained;
  readonly transformer: TransformerConfig;
  /** Trained one after the other; each starts from what the earlier ones left. */
  readonly stages: readonly AnyStageConfig[];
  readonly sampling: SamplingConfig;
  readonly publish?: PublishConfig;
}

/** A checked config with every default written out; null means "not set". */
export type ResolvedConfig = Filled<PixArtConfig>;

/** A stage of a checked config, of one kind or of any. */
export type ResolvedStage<
  Kind extends ResolvedConfig["stages"][number]["kind"] = ResolvedConfig["stages"][number]["kind"],
> = Extract<ResolvedConfig["stages"][number], { kind: Kind }>;
