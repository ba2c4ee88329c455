import { forecastBytes } from "../checkpoints/checkpoint.ts";
import { stageExamples } from "../dataset/training-data.ts";
import type { DryRun } from "./dry-run.ts";

/** A dry run's plan as data, printed by `pixart train --dry-run --json`. Sizes are in bytes. */
export interface PlanReport {
  readonly name: string;
  readonly workDir: string;
  readonly device: string;
  /** Steps of all stages, and how many of them are done. */
  readonly steps: number;
  readonly done: number;
  readonly stages: readonly StagePlan[];
  /** Of the stage that needs most; activations come on top. */
  readonly memory: { readonly stage: string; readonly bytes: number; readonly available: number };
  readonly disks: readonly {
    readonly folder: string;
    readonly bytes: number;
    readonly free: number;
  }[];
}

interface StagePlan {
  readonly name: string;
  readonly kind: string;
  readonly resolution: number;
  readonly pictures: number;
  readonly heldOut: number;
  /** Pictures per step, over all batches and processes. */
  readonly picturesPerStep: number;
  readonly steps: number;
  readonly optimizer: string;
  readonly lr: number;
  readonly schedule: string;
  readonly warmupSteps: number;
  readonly precision: string;
  /** Weights that the optimizer updates. */
  readonly trainedWeights: number;
  readonly checkpointEvery: number;
  readonly checkpointBytes: number;
}

/** Result of a dry run, without the parts that only training needs. */
export function planReport({ config, data, done, device, forecast }: DryRun): PlanReport {
  const { memory, shapes, disks } = forecast;
  return {
    name: config.name,
    workDir: config.workDir,
    device,
    steps: config.stages.reduce((sum, { steps }) => sum + steps, 0),
    done,
    stages: config.stages.map((stage) => {
      const { train, heldout } = stageExamples(stage, data);
      const own = shapes.get(stage);
      return {
        name: stage.name,
        kind: stage.kind,
        resolution: stage.resolution,
        pictures: train.length,
        heldOut: heldout.length,
        picturesPerStep: stage.batchSize * stage.gradientAccumulation * config.processes,
        steps: stage.steps,
        optimizer: stage.optimizer.type,
        lr: stage.optimizer.lr,
        schedule: stage.schedule.type,
        warmupSteps: stage.schedule.warmupSteps,
        precision: stage.precision,
        trainedWeights: own?.trained ?? 0,
        checkpointEvery: stage.checkpointEvery,
        checkpointBytes: own === undefined ? 0 : forecastBytes(own.checkpoint, {}),
      };
    }),
    memory: { stage: memory.stage.name, bytes: memory.bytes, available: memory.available },
    disks,
  };
}
