import { parse } from "node:path";
import { crossChecks } from "./checks/cross-checks.ts";
import { mistakesOf } from "./checks/mistakes.ts";
import { ConfigError } from "./config-error.ts";
import type { ParsedConfig } from "./options/train-config.ts";
import { withLossTypes } from "./resolve-epochs.ts";
import { configSchema } from "./schema/config-schema.ts";

/** Subfolders of a pipeline that hold a config's components. */
const SUBFOLDERS = {
  autoencoder: "vae",
  tokenizer: "tokenizer",
  textEncoder: "text_encoder",
  transformer: "transformer",
} as const;

/**
 * Checks a config and fills in every default; a run without a name is named after `source`.
 * @param source the file that the config is from
 * @throws ConfigError that lists all mistakes: those of single fields or, if there are none, those between fields
 */
export function resolveConfig(value: unknown, source: string): ParsedConfig {
  const config = parseConfig(value, source);
  const mistakes = crossChecks(config);
  if (mistakes.length > 0) throw new ConfigError(source, mistakes);
  return config;
}

/**
 * The same without the checks between fields: an existing run stays readable, whatever a new config would be refused for.
 * @throws ConfigError that lists all mistakes of single fields
 */
export function parseConfig(value: unknown, source: string): ParsedConfig {
  const named = withBase(withNames(value, parse(source).name));
  const result = configSchema(named).safeParse(named);
  if (!result.success) throw new ConfigError(source, mistakesOf(result.error.issues, value));
  // A base determines what its models predict; without one, the default applies.
  return result.data.base === null ? withLossTypes(result.data, "epsilon+vlb") : result.data;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function withNames(value: unknown, fileName: string): unknown {
  if (!isObject(value)) return value;
  const { name = fileName, workDir = `work_dirs/${name}` } = value;
  return { ...value, name, workDir };
}

/** Fills in the components that a config does not give from its base. */
function withBase(value: unknown): unknown {
  if (!isObject(value) || typeof value.base !== "string") return value;
  const { base } = value;
  const given = Object.entries(SUBFOLDERS).map(
    ([component, subfolder]) =>
      [component, value[component] ?? { pretrained: base, subfolder }] as const,
  );
  return { ...value, ...Object.fromEntries(given) };
}
