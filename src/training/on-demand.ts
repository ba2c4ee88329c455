import type * as RunPipeline from "./run-pipeline.ts";
import type * as Train from "./train.ts";

// Training code is loaded on first use: a program that only draws does not need it.

/**
 * Trains the stages of a config one after the other in its run folder, `config.workDir`, or resumes that run. While it trains,
 * SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 make it save after the current step and return early, with `finished` false and
 * the signal's `exitCode`; a second SIGINT ends the process at once.
 * @param config from `loadConfig` or `resolveConfig` of `pixart/config`; a resumed run continues with its own, and reports how
 * this one differs
 * @throws ConfigError for a config, or for `changes`, that the data, the base or the finished steps rule out
 * @throws TargetExistsError if the folder of a new run is not empty
 * @throws DatasetError if the data set can't be used
 * @throws IncompatibleError if the base does not fit the config, or a checkpoint its stage
 * @throws RunError if a run to resume does not exist, is written by another process, or has other data by now
 * @throws BadFileError if all checkpoints of a stage are damaged, or some are of another run or stage
 * @throws RunLostError if the folder is moved, removed or taken over
 * @throws ResourceError if the device does not exist, or memory or disk space can't hold the run
 * @throws DiskFullError if the disk is full when saving, unless the config's `whenFull` says otherwise
 * @throws DivergedError if losses or gradients are not finite, or the loss keeps jumping
 * @throws DistributedError if the processes of a run have different data or weights
 */
export const train: typeof Train.train = async (config, options) =>
  (await import("./train.ts")).train(config, options);

/**
 * The text-to-image pipeline of a run: of the newest checkpoint of its last text-to-image stage that has one, or of one
 * checkpoint. Its sampler is the run's, and so are the defaults for steps and guidance. `pipe.dispose()` frees it.
 * @param path     a run folder, or a checkpoint in it: `<run>/checkpoints/<stage>/step-…`
 * @param averaged whether to use averaged weights (EMA) where the stage keeps them, rather than those of the step
 * @param device   of the models: `cpu`, the default, `cuda` or `cuda:1`
 * @param Models   the class that built the run's models, if it was not the default
 * @throws RunError with `ERR_NO_RUN` if `path` is not in a run, and with `ERR_NO_CHECKPOINT` if the run has no text-to-image
 * checkpoint yet, or the given one is of another kind
 * @throws BadFileError for a damaged checkpoint; a damaged newest one is skipped with a warning if an older one is intact
 */
export const pipelineFromRun: typeof RunPipeline.pipelineFromRun = async (...args) =>
  (await import("./run-pipeline.ts")).pipelineFromRun(...args);
