import { ConfigError } from "./config-error.ts";
import type { Epochs } from "./options/stage-config.ts";
import type {
  LossType,
  ParsedConfig,
  ResolvedConfig,
  ResolvedStage,
} from "./options/train-config.ts";

type CheckedStage = ParsedConfig["stages"][number];

/** Steps of so many passes over a stage's samples: the last batch of a pass is filled from the next. */
const stepsOf = ({ epochs }: Epochs, samples: number, batch: number): number =>
  Math.max(1, Math.ceil((epochs * samples) / batch));

/** A warm-up that does not fit into a stage of few steps takes this share of them. */
const SHORT_WARMUP = 0.1;

const fittingWarmup = (warmupSteps: number, steps: number): number =>
  warmupSteps <= steps ? warmupSteps : Math.max(1, Math.floor(SHORT_WARMUP * steps));

/**
 * Turns epochs into steps. Where they make fewer than the warm-up has, that is shortened to a tenth of them: the recipe could not
 * know how few pictures there are. `shortenedWarmups` tells of it.
 * @param samplesOf how many samples an epoch of a stage has: its pictures, and those that it shows more than once
 * @param predicts  what stages learn to predict that don't say it
 */
export function resolveEpochs(
  config: ParsedConfig,
  samplesOf: (stage: CheckedStage) => number,
  predicts: LossType = "epsilon+vlb",
): ResolvedConfig {
  const stages = config.stages.map((stage): ResolvedStage => {
    const batch = stage.batchSize * stage.gradientAccumulation * config.processes;
    const settled = (interval: number | Epochs): number =>
      typeof interval === "number" ? interval : stepsOf(interval, samplesOf(stage), batch);
    const steps = settled(stage.steps);
    const { warmupSteps } = stage.schedule;
    const intervals = {
      steps,
      schedule: {
        ...stage.schedule,
        warmupSteps:
          typeof stage.steps === "number" ? warmupSteps : fittingWarmup(warmupSteps, steps),
      },
      checkpointEvery: settled(stage.checkpointEvery),
      sampleEvery: stage.sampleEvery && settled(stage.sampleEvery),
      validateEvery: stage.validateEvery && settled(stage.validateEvery),
    };
    return stage.kind === "autoencoder"
      ? { ...stage, ...intervals }
      : { ...stage, ...intervals, loss: withType(stage.loss, predicts) };
  });
  return { ...config, stages };
}

/** One sentence for each warm-up that {@link resolveEpochs} shortened. */
export function shortenedWarmups(config: ParsedConfig, settled: ResolvedConfig): string[] {
  return settled.stages.flatMap(({ name, steps, schedule: { warmupSteps } }, i) => {
    const wanted = config.stages[i]?.schedule.warmupSteps;
    return wanted === undefined || wanted === warmupSteps
      ? []
      : [
          `The warm-up of stage "${name}" is shortened from ${wanted} steps to ${warmupSteps}, because its epochs make ${steps} ${steps === 1 ? "step" : "steps"} only`,
        ];
  });
}

const withType = <T extends { readonly type: LossType | null }>(
  loss: T,
  type: LossType,
): Omit<T, "type"> & { readonly type: LossType } => ({ ...loss, type: loss.type ?? type });

/** The config with `type` as the target of all losses that name none. */
export const withLossTypes = (config: ParsedConfig, type: LossType): ParsedConfig => ({
  ...config,
  stages: config.stages.map((stage) =>
    stage.kind === "autoencoder" ? stage : { ...stage, loss: withType(stage.loss, type) },
  ),
});

/** A config that has no epochs, as run folders keep it. Throws ConfigError for one that has. */
export const withoutEpochs = (config: ParsedConfig, source: string): ResolvedConfig =>
  resolveEpochs(config, ({ name }) => {
    throw new ConfigError(source, [
      `Expected steps in place of epochs in stage ${JSON.stringify(name)} of a run's config.`,
    ]);
  });
