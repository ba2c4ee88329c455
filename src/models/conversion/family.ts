import type { ConfigObject, KeyRule, TypedWeights, WeightsFile } from "../../weights/index.ts";
import type { PositionGrid } from "../embeddings.ts";
import type { FoundModel, SingleFileFacts } from "../single-file.ts";

/** The functions to convert one kind of transformer; C is its configuration. */
export interface ConversionFamily<C> {
  readonly name: string;
  /** Reads a file of any layout. */
  readonly readFile: (file: WeightsFile, facts: SingleFileFacts) => FoundModel<C>;
  /** Reads the configuration of a model folder. */
  readonly readConfig: (json: ConfigObject, path: string) => C;
  /** The content of diffusers' `config.json`. */
  readonly writeConfig: (config: C) => ConfigObject;
  /** Weights in diffusers' layout, or the model's own, under the model's own keys. */
  readonly own: (weights: TypedWeights, config: C) => TypedWeights;
  /** Tensors under the model's own keys in diffusers' layout. */
  readonly toDiffusers: <T>(tensors: ReadonlyMap<string, T>, config: C) => ReadonlyMap<string, T>;
  readonly originalKeys: readonly KeyRule[];
  /** The position grid that original files store as `pos_embed`. */
  readonly positions: (config: C) => PositionGrid;
  /** A short description of the model. */
  readonly describe: (config: C) => string;
  /** Why the original code can't compute this configuration; undefined if it can. */
  readonly notOriginal: (config: C) => string | undefined;
  /** Why diffusers' class can't compute this configuration; undefined if it can. */
  readonly notDiffusers: (config: C) => string | undefined;
  /** The parts of a configuration that the original layout does not store, so that its readers must be given them. */
  readonly unwritten: (config: C) => readonly string[];
  /** The facts needed to read a file of the original layout back. */
  readonly facts: (config: C) => SingleFileFacts;
  /** The parts of a configuration that a file of any layout keeps. */
  readonly essence: (config: C) => unknown;
}
