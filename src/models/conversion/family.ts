import type { ConfigObject, KeyRule, TypedWeights, WeightsFile } from "../../weights/index.ts";
import type { PositionGrid } from "../embeddings.ts";
import type { FoundModel, SingleFileFacts } from "../single-file.ts";

/** What converting needs to know about one kind of transformer; C is its configuration. */
export interface ConversionFamily<C> {
  readonly name: string;
  /** Reads a file of any layout. */
  readonly readFile: (file: WeightsFile, facts: SingleFileFacts) => FoundModel<C>;
  /** Reads the configuration of a model folder. */
  readonly readConfig: (json: ConfigObject, path: string) => C;
  /** What diffusers calls `config.json`. */
  readonly writeConfig: (config: C) => ConfigObject;
  /** Weights of diffusers' layout, or of the model's own, under the model's own keys. */
  readonly own: (weights: TypedWeights, config: C) => TypedWeights;
  /** What is stored under the model's own keys as diffusers stores it. */
  readonly toDiffusers: <T>(tensors: ReadonlyMap<string, T>, config: C) => ReadonlyMap<string, T>;
  readonly originalKeys: readonly KeyRule[];
  /** The positions that original files hold as `pos_embed`. */
  readonly positions: (config: C) => PositionGrid;
  /** The model in a few words. */
  readonly describe: (config: C) => string;
  /** Why the original code cannot compute what this configuration says; undefined where it can. */
  readonly notOriginal: (config: C) => string | undefined;
  /** Why diffusers' class cannot compute what this configuration says; undefined where it can. */
  readonly notDiffusers: (config: C) => string | undefined;
  /** What of a configuration the original layout has no place for, so that its readers must be told. */
  readonly unwritten: (config: C) => readonly string[];
  /** What must be told again when a file of the original layout is read back. */
  readonly facts: (config: C) => SingleFileFacts;
  /** What of a configuration a file of any layout keeps. */
  readonly essence: (config: C) => unknown;
}
