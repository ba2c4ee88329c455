import type { RgbImage } from "../../images/index.ts";
import type { ParameterGroup } from "../../optim/index.ts";
import type { Tensor } from "../../torch/index.ts";
import type { JsonValue } from "./checkpoint-manifest.ts";
import type { SampleRng } from "./sample-rng.ts";

/** Which pictures: those trained on, or those kept out to measure on. */
export type Split = "train" | "heldout";

/** Some pictures of a split and the random numbers that are theirs. */
export interface Batch {
  readonly split: Split;
  /** Its number in the stage, the same on every rank. */
  readonly index: number;
  readonly ids: readonly number[];
  readonly draws: SampleRng;
  /** Whether its loss is measured and not trained on: no caption or class is dropped then, and class pictures stay away. */
  readonly isMeasured?: boolean;
}

/** Each sample's own loss, for those who watch and measure. */
export interface SampleLosses {
  /** (B), detached and weighed by nothing that concerns the batch. */
  readonly values: Tensor;
  /** One a sample; undefined where the stage has no timesteps. */
  readonly timesteps: readonly number[] | undefined;
}

/** A batch's loss. */
export interface StageLoss {
  /** One element: what is differentiated. */
  readonly loss: Tensor;
  /** One element each: what the loss is made of. */
  readonly parts: Readonly<Record<string, Tensor>>;
  readonly samples: SampleLosses;
}

/** A picture that the models drew. */
export interface DrawnPicture {
  readonly image: RgbImage;
  readonly prompt: string;
  /** With it this picture can be drawn alone; null where its noise is drawn with that of others. */
  readonly seed: number | null;
}

/** Pictures and a caption for each. */
export interface SampleSheet {
  readonly images: readonly RgbImage[];
  readonly labels: readonly string[];
  /** Those of them that the models drew. */
  readonly drawn: readonly DrawnPicture[];
}

/** Told how much of how much is done. */
export type OnProgress = (done: number, total: number) => void;

/** Weights that a checkpoint holds: a model's, or an adapter's. */
export interface Weights {
  namedParameters(): ReadonlyMap<string, Tensor>;
  loadStateDict(state: ReadonlyMap<string, Tensor>): void;
}

/** Runs a body with the averaged weights in place of the trained ones. */
export type WithAverages = <T>(body: () => T) => T;

/** A batch whose pictures have been read. */
export interface LoadedBatch {
  /** @param withAverages for losses that look at the averages; the weights in place are the averages unless given */
  loss(withAverages?: WithAverages): StageLoss;
}

/** What one kind of stage brings to the training loop: its models, its loss, its pictures. */
export interface StageTask {
  /** What its checkpoints hold, by the prefix of the keys. */
  readonly models: ReadonlyMap<string, Weights>;
  /** What is trained, by key, prefix included. */
  readonly groups: readonly ParameterGroup[];
  readonly counts: Readonly<Record<Split, number>>;
  /** The bucket of each picture, where they are of several sizes: a batch has pictures of one bucket. */
  readonly buckets?: Readonly<Record<Split, readonly number[] | undefined>>;
  /** Weights that samples need and steps do not. */
  readonly idle?: readonly Tensor[];
  /** Names a picture for messages. */
  describe(id: number): string;
  /** Reads what a batch needs, while the one before it may still be computed. Makes no tensors. */
  load(batch: Batch): Promise<LoadedBatch>;
  /** Pictures from the models as they are, always the same prompts and noise. Throws the reason of a signal that is aborted. */
  sample(signal?: AbortSignal, onProgress?: OnProgress): Promise<SampleSheet>;
  /** Facts that later stages cannot rebuild the models without; asked for when the stage is complete, and kept in its checkpoint. */
  facts(): Readonly<Record<string, JsonValue>>;
  dispose(): void;
}

/** Weights by checkpoint key. */
export const prefixed = (prefix: string, model: Weights): Map<string, Tensor> =>
  new Map([...model.namedParameters()].map(([key, tensor]) => [`${prefix}.${key}`, tensor]));

/** The part of a checkpoint's weights that has one prefix. */
export const unprefixed = (
  prefix: string,
  weights: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> =>
  new Map(
    [...weights].flatMap(([key, tensor]) =>
      key.startsWith(`${prefix}.`) ? [[key.slice(prefix.length + 1), tensor] as const] : [],
    ),
  );
