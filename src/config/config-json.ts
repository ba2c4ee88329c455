import { ConfigError } from "./config-error.ts";
import type { ResolvedConfig } from "./pixart-config.ts";
import { resolveConfig } from "./resolve-config.ts";

/** A resolved config as a run folder keeps it. */
export function configToJson(config: ResolvedConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** The same config from what {@link configToJson} made of it. `source` is the file, for messages. */
export function configFromJson(json: string, source: string): ResolvedConfig {
  return resolveConfig(parseConfigJson(json, source), source);
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
