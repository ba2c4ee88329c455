import type { ResolvedConfig } from "../options/train-config.ts";
import { type ConfigDifference, differencesOf } from "./config-differences.ts";

/** Where two configs differ, by path, ignoring the location of the runs. Stages are matched by name. */
export function configDifferences(a: ResolvedConfig, b: ResolvedConfig): ConfigDifference[] {
  const byName = ({ workDir: _, stages, ...config }: ResolvedConfig): object => ({
    ...config,
    stages: Object.fromEntries(stages.map(({ name, ...stage }) => [name, stage])),
  });
  return differencesOf(byName(a), byName(b));
}
