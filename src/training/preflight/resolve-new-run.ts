import { crossChecks } from "../../config/checks/cross-checks.ts";
import { ConfigError, type ParsedConfig, type ResolvedConfig } from "../../config/index.ts";
import { shortenedWarmups } from "../../config/resolve-epochs.ts";
import { resolveEpochsForData } from "../dataset/aspect-plan.ts";
import type { TrainingData } from "../dataset/training-data.ts";
import { fitToBase } from "./base-fit.ts";

/** The config of a new run. */
export interface NewRun {
  readonly config: ResolvedConfig;
  /** What the user should know before it starts, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Resolves a new run's config once its data and base models are known: epochs become steps, and losses train towards the base's
 * prediction target. Throws ConfigError for conflicts that only show then.
 */
export async function resolveNewRun(config: ParsedConfig, data: TrainingData): Promise<NewRun> {
  const fit = await fitToBase(config);
  const settled = await resolveEpochsForData(fit.config, data);
  const mistakes = crossChecks(settled);
  if (mistakes.length > 0) throw new ConfigError(config.name, mistakes);
  return { config: settled, warnings: [...fit.warnings, ...shortenedWarmups(config, settled)] };
}
