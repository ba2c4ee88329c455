import type * as RunPipeline from "./run-pipeline.ts";
import type * as Train from "./train.ts";

// Training code is loaded on first use: a program that only draws does not need it.

/** As `train` of ./train.ts. */
export const train: typeof Train.train = async (config, options) =>
  (await import("./train.ts")).train(config, options);

/** As `pipelineFromRun` of ./run-pipeline.ts. */
export const pipelineFromRun: typeof RunPipeline.pipelineFromRun = async (...args) =>
  (await import("./run-pipeline.ts")).pipelineFromRun(...args);
