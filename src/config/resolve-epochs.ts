import { ConfigError } from "./config-error.ts";
import type { Epochs } from "./options/stage-config.ts";
import type {
  LossType,
  ParsedConfig,
  ResolvedConfig,
  ResolvedStage,
} from "./options/train-config.ts";

type CheckedStage = ParsedConfig["stages"][number];

/** Steps for a number of passes over a stage's samples: the last batch of a pass is filled from the next. */
const stepsOf = ({ epochs }: Epochs, samples: number, batch: number): number =>
  Math.max(1, Math.ceil((epochs * samples) / batch));

/** Share of the steps for a warm-up that does not fit into a short stage. */
const SHORT_WARMUP = 0.1;

const fittingWarmup = (warmupSteps: number, steps: number): number =>
  warmupSteps <= steps ? warmupSteps : Math.max(1, Math.floor(SHORT_WARMUP * steps));

/**
 * Converts epochs to steps, and precisions that are still "auto" to float32. If that gives fewer steps than the warm-up has, the
 * warm-up is shortened to a tenth of them: the recipe could not know how few pictures there are. `shortenedWarmups` reports it.
 * @param samplesOf number of samples per epoch of a stage: its pictures, and those shown more than once
 * @param predicts prediction target of losses that do not specify one
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
      precision: stage.precision === "auto" ? "float32" : stage.precision,
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
          `The warm-up of stage "${name}" is shortened from ${wanted} steps to ${warmupSteps}, because its epochs make only ${steps} ${steps === 1 ? "step" : "steps"}`,
        ];
  });
}

const withType = <T extends { readonly type: LossType | null }>(
  loss: T,
  type: LossType,
): Omit<T, "type"> & { readonly type: LossType } => ({ ...loss, type: loss.type ?? type });

/** The config with `type` as the target of all losses that specify none. */
export const withLossTypes = (config: ParsedConfig, type: LossType): ParsedConfig => ({
  ...config,
  stages: config.stages.map((stage) =>
    stage.kind === "autoencoder" ? stage : { ...stage, loss: withType(stage.loss, type) },
  ),
});

/** A config without epochs, as stored in run folders. Throws ConfigError if it has any. */
export const withoutEpochs = (config: ParsedConfig, source: string): ResolvedConfig =>
  resolveEpochs(config, ({ name }) => {
    throw new ConfigError(source, [
      `Expected steps instead of epochs in stage ${JSON.stringify(name)} of a run's config.`,
    ]);
  });
