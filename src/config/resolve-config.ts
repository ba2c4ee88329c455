import { parse } from "node:path";
import { ConfigError } from "./config-error.ts";
import { configSchema } from "./config-schema.ts";
import { crossChecks } from "./cross-checks.ts";
import { mistakesOf } from "./mistakes.ts";
import type { ResolvedConfig } from "./pixart-config.ts";

/**
 * Checks a config and fills in every default; without a name of its own the run is named after `source`.
 * @param source the file that the config is from
 * @throws ConfigError that lists all mistakes: those of single fields or, where there are none, those between fields
 */
export function resolveConfig(value: unknown, source: string): ResolvedConfig {
  const result = configSchema(value).safeParse(withNames(value, parse(source).name));
  if (!result.success) throw new ConfigError(source, mistakesOf(result.error.issues, value));
  const mistakes = crossChecks(result.data);
  if (mistakes.length > 0) throw new ConfigError(source, mistakes);
  return result.data;
}

function withNames(value: unknown, fileName: string): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const { name = fileName, workDir = `work_dirs/${name}` } = value as Record<string, unknown>;
  return { ...value, name, workDir };
}
