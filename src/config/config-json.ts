import { ConfigError } from "./config-error.ts";
import type { ParsedConfig, ResolvedConfig } from "./options/train-config.ts";
import { parseConfig } from "./resolve-config.ts";
import { withoutEpochs } from "./resolve-epochs.ts";

/** Serializes a resolved config for the run folder. */
export function configToJson(config: ParsedConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/**
 * Parses the output of {@link configToJson}. `source` is the file, for messages. Rules for new configs, such as a warm-up that
 * ends before its stage does, are not applied to a config that a run was made with.
 */
export function configFromJson(json: string, source: string): ResolvedConfig {
  return withoutEpochs(parseConfig(parseConfigJson(json, source), source), source);
}

/** Parses a config file in JSON. */
export function parseConfigJson(json: string, source: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new ConfigError(source, [`Expected JSON but found: ${(error as Error).message}.`], {
      cause: error,
    });
  }
}
