import { crossChecks } from "../../config/checks/cross-checks.ts";
import { ConfigError, type ParsedConfig, type ResolvedConfig } from "../../config/index.ts";
import { shortenedWarmups } from "../../config/resolve-epochs.ts";
import { withPrecision } from "../../config/with-precision.ts";
import { type Device, deviceKind, fastestDType } from "../../torch/index.ts";
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
 * Resolves a new run's config once its data, device and base models are known: epochs become steps, "auto" becomes the precision
 * that the device computes fastest in, and losses train towards the base's prediction target. Throws ConfigError for conflicts
 * that only show then.
 */
export async function resolveNewRun(
  config: ParsedConfig,
  data: TrainingData,
  device: Device,
): Promise<NewRun> {
  const fit = await fitToBase(config);
  const fitted = withPrecision(fit.config, () => fastestDType(device));
  const settled = await resolveEpochsForData(fitted, data);
  const mistakes = crossChecks(settled);
  if (mistakes.length > 0) throw new ConfigError(config.name, mistakes);
  const warnings = [
    ...fit.warnings,
    ...slowPrecisions(settled, device),
    ...shortenedWarmups(config, settled),
  ];
  return { config: settled, warnings };
}

/** One sentence for the stages whose bfloat16 the processor can only imitate. */
function slowPrecisions({ stages }: ResolvedConfig, device: Device): string[] {
  if (deviceKind(device) !== "cpu" || fastestDType(device) === "bfloat16") return [];
  const slow = stages.flatMap(({ name, precision }) => (precision === "bfloat16" ? [name] : []));
  return slow.length === 0
    ? []
    : [
        `This processor has no bfloat16 multiplication: precision bfloat16 takes several times as long as float32 in ${slow.map((name) => `"${name}"`).join(", ")}. Set precision to "auto" or "float32"`,
      ];
}
