import { type ErrorCode, knownClasses } from "../errors/index.ts";

/** Everything that is wrong with one config; the message is ready to print. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "ERR_CONFIG" satisfies ErrorCode;

  /** @param source the file, and any overrides @param mistakes one or more sentences */
  constructor(
    readonly source: string,
    readonly mistakes: readonly string[],
    options?: ErrorOptions,
  ) {
    super(
      mistakes.length === 1
        ? `${source}: ${mistakes[0]}`
        : [`${source}: ${mistakes.length} mistakes`, ...mistakes].join("\n  "),
      options,
    );
  }
}

knownClasses(ConfigError);
