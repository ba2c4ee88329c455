import { ConfigError } from "./config-error.ts";
import type { CheckedConfig, ResolvedConfig, ResolvedStage } from "./pixart-config.ts";
import type { Epochs } from "./stage-config.ts";

type CheckedStage = CheckedConfig["stages"][number];

/** Steps of so many passes over a stage's samples: the last batch of a pass is filled from the next. */
const stepsOf = ({ epochs }: Epochs, samples: number, batch: number): number =>
  Math.max(1, Math.ceil((epochs * samples) / batch));

/**
 * Turns epochs into steps.
 * @param samplesOf how many samples an epoch of a stage has: its pictures, and those that it shows more than once
 */
export function settleConfig(
  config: CheckedConfig,
  samplesOf: (stage: CheckedStage) => number,
): ResolvedConfig {
  const stages = config.stages.map((stage): ResolvedStage => {
    const batch = stage.batchSize * stage.gradientAccumulation * config.processes;
    const settled = (interval: number | Epochs): number =>
      typeof interval === "number" ? interval : stepsOf(interval, samplesOf(stage), batch);
    return {
      ...stage,
      steps: settled(stage.steps),
      checkpointEvery: settled(stage.checkpointEvery),
      sampleEvery: stage.sampleEvery && settled(stage.sampleEvery),
      validateEvery: stage.validateEvery && settled(stage.validateEvery),
    };
  });
  return { ...config, stages };
}

/** A config that has no epochs, as run folders keep it. Throws ConfigError for one that has. */
export const settledConfig = (config: CheckedConfig, source: string): ResolvedConfig =>
  settleConfig(config, ({ name }) => {
    throw new ConfigError(source, [
      `Expected steps in place of epochs in stage ${JSON.stringify(name)} of a run's config.`,
    ]);
  });
