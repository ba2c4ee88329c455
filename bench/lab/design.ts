import type { TextToImageStageConfig } from "../../src/config/index.ts";
import type { RunModelLoader } from "../../src/training/models/run-model-loader.ts";

/** What a stage may have other than the lab's usual. */
export interface StageChanges
  extends Partial<
    Pick<
      TextToImageStageConfig,
      "batchSize" | "schedule" | "loss" | "timesteps" | "ema" | "precision"
    >
  > {
  readonly optimizer?: "muon" | "lion";
  /** Factor on the learning rate. */
  readonly rate?: number;
}

/** A stage of a run. */
export interface Part {
  /** Whether pictures are learned by their classes or by their captions. */
  readonly learns: "classes" | "captions";
  /** Of the pictures, in pixels. */
  readonly side: number;
  /** How many twentieths of the run's operations it takes: a checkpoint is saved after each, and all or some are measured. */
  readonly twentieths: number;
  readonly changes?: StageChanges;
}

/** Which captions and classes the same pictures have: their own, groups in place of classes, or captions of other pictures. */
export type Labels = "own" | "groups" | "shuffled";

/** What a run does: an arm of the lab, or a recipe of the speedrun. */
export interface Design {
  /** Also the name of its folder. */
  readonly name: string;
  readonly what: string;
  /** The design of the paper's that it does without. */
  readonly without?: string;
  readonly parts: readonly Part[];
  /** Share of the batches that are trained on dense captions. */
  readonly dense: number;
  readonly labels: Labels;
  /** What builds the models where the product's own would not do. */
  readonly models?: typeof RunModelLoader;
  /** Whether each block makes its own modulation: it takes more operations. */
  readonly perBlock?: boolean;
}

/** Parts of a run, at whose ends it can be measured. */
export const TWENTIETHS = 20;

/** The whole curriculum: pixels, then captions, at half the side, then detail. */
export const CURRICULUM: readonly Part[] = [
  { learns: "classes", side: 32, twentieths: 2 },
  { learns: "captions", side: 32, twentieths: 12 },
  { learns: "captions", side: 64, twentieths: 6 },
];
