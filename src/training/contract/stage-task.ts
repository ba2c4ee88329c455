import type { RgbImage } from "../../images/index.ts";
import type { ParameterGroup } from "../../optim/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { JsonValue } from "./checkpoint-manifest.ts";
import type { SampleRng } from "./sample-rng.ts";

/** Which pictures: those trained on, or those held out to measure on. */
export type Split = "train" | "heldout";

/** Pictures of a split and their random numbers. */
export interface Batch {
  readonly split: Split;
  /** Its index in the stage, the same on every rank. */
  readonly index: number;
  readonly ids: readonly number[];
  readonly draws: SampleRng;
  /** Whether the loss is only measured: then no caption or class is dropped, and class pictures are left out. */
  readonly isMeasured?: boolean;
}

/** Each sample's own loss, for logging and validation. */
export interface SampleLosses {
  /** (B), detached, without batch-dependent weights. */
  readonly values: Tensor;
  /** One per sample; undefined if the stage has no timesteps. */
  readonly timesteps: readonly number[] | undefined;
}

/** A batch's loss. */
export interface StageLoss {
  /** A scalar: the value to differentiate. */
  readonly loss: Tensor;
  /** Scalars: the terms of the loss. */
  readonly parts: Readonly<Record<string, Tensor>>;
  readonly samples: SampleLosses;
}

/** A picture that the models drew. */
export interface DrawnPicture {
  readonly image: RgbImage;
  readonly prompt: string;
  /** Seed that draws this picture alone; null if its noise is drawn together with others'. */
  readonly seed: number | null;
}

/** Pictures with a caption for each. */
export interface SampleSheet {
  readonly images: readonly RgbImage[];
  readonly labels: readonly string[];
  /** The ones that the models drew. */
  readonly drawn: readonly DrawnPicture[];
}

/** Called with the amount done and the total. */
export type OnProgress = (done: number, total: number) => void;

/** Weights that a checkpoint holds: a model's or an adapter's. */
export interface Weights {
  namedParameters(): ReadonlyMap<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): void;
}

/** Runs a body with the averaged weights in place of the trained ones. */
export type WithAverages = <T>(body: () => T) => T;

/** A batch whose pictures have been read. */
export interface LoadedBatch {
  /** @param withAverages for losses that use the averages; by default the weights in place already are the averages */
  loss(withAverages?: WithAverages): StageLoss;
}

/** What one kind of stage provides to the training loop: models, loss and pictures. */
export interface StageTask {
  /** Contents of its checkpoints, by key prefix. */
  readonly models: ReadonlyMap<string, Weights>;
  /** Trained parameters, by key including the prefix. */
  readonly groups: readonly ParameterGroup[];
  readonly counts: Readonly<Record<Split, number>>;
  /** The bucket of each picture, if pictures have several sizes: all pictures of a batch share a bucket. */
  readonly buckets?: Readonly<Record<Split, readonly number[] | undefined>>;
  /** Weights that are needed for samples but not for steps. */
  readonly idle?: readonly Tensor[];
  /** Name of a picture, for messages. */
  describe(id: number): string;
  /** Reads what a batch needs; the previous batch may still be computing. Creates no tensors. */
  load(batch: Batch): Promise<LoadedBatch>;
  /**
   * Draws samples with the current weights, always with the same prompts and noise. Throws the signal's reason if it is aborted.
   */
  sample(signal?: AbortSignal, onProgress?: OnProgress): Promise<SampleSheet>;
  /**
   * Facts that later stages need to rebuild the models, measured with the current weights. Called in the first process when the
   * stage is complete, with the averages in place, which later stages start from; stored in its checkpoint.
   */
  facts(): Promise<Readonly<Record<string, JsonValue>>>;
  dispose(): void;
}

/** Weights by checkpoint key. */
export const prefixed = (prefix: string, model: Weights): Map<string, Tensor> =>
  new Map([...model.namedParameters()].map(([key, tensor]) => [`${prefix}.${key}`, tensor]));

/** The part of a checkpoint's weights under one prefix. */
export const unprefixed = (
  prefix: string,
  weights: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> =>
  new Map(
    [...weights].flatMap(([key, tensor]) =>
      key.startsWith(`${prefix}.`) ? [[key.slice(prefix.length + 1), tensor] as const] : [],
    ),
  );
