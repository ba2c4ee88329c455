import type { Precision } from "./options/stage-config.ts";
import type { ParsedConfig } from "./options/train-config.ts";

/** The config with the precision that `choose` gives for each stage with "auto". */
export const withPrecision = (
  config: ParsedConfig,
  choose: (stage: number) => Precision,
): ParsedConfig => ({
  ...config,
  stages: config.stages.map((stage, i) =>
    stage.precision === "auto" ? { ...stage, precision: choose(i) } : stage,
  ),
});
