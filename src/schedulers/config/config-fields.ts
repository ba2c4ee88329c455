import { expected } from "../../errors/index.ts";
import { snakeCase } from "../../files/reading/case.ts";
import type { Field } from "../../files/reading/config-fields.ts";
import { quote } from "../../files/reading/errors.ts";
import type { ConfigObject } from "../../weights/index.ts";
import { listed } from "../../weights/listed.ts";
import { foreignFields } from "./foreign-fields.ts";

/** The fields of a `scheduler_config.json` as in JSON: snake_case, with `_class_name` in files. */
export type SchedulerJson = Readonly<Record<string, unknown>>;

/** A {@link Field} that may translate other samplers' values. */
export interface SchedulerField<T> extends Field<T> {
  readonly meanings?: ReadonlyMap<unknown, T>;
}

/** A field for each name in a config. */
export type Fields<Config> = { readonly [K in keyof Config]: SchedulerField<Config[K]> };

/** `field`, which also accepts the values of other samplers in `others`, as the value that diffusers uses for them. */
export const orMeaning = <T>(
  field: Field<T>,
  value: T,
  ...others: readonly unknown[]
): SchedulerField<T> => ({
  ...field,
  meanings: new Map(others.map((other) => [other, value])),
});

/**
 * Reads the snake_case fields of a scheduler file; absent ones take diffusers' defaults, keys of other schedulers are ignored,
 * and unknown keys are ignored with a warning, as in diffusers. Throws on a value that this scheduler doesn't support.
 *
 * A file written for another class (its `_class_name` says so) may lack a field, or use its name for something else. In that case
 * the field takes its value from `foreign`, if present.
 */
export function readFields<Config extends object>(
  json: SchedulerJson,
  className: string,
  fields: Fields<Config>,
  foreign: Partial<Config> = {},
): Config {
  warnOfUnknown(json, className, fields);
  const isForeign = typeof json._class_name === "string" && json._class_name !== className;
  const entries = Object.entries<SchedulerField<unknown>>(fields).map(([name, field]) => {
    const key = snakeCase(name);
    const given = key in json ? json[key] : field.initial;
    const isMeant = key in json && field.accepts(given);
    if (isForeign && name in foreign && !isMeant) return [name, foreign[name as keyof Config]];
    const value = field.meanings?.has(given) ? field.meanings.get(given) : given;
    if (!field.accepts(value)) {
      throw expected(field.expected, key, quote(value));
    }
    return [name, value];
  });
  return Object.fromEntries(entries) as Config;
}

/** The fields of a file that are neither among `own` nor known to any other sampler, most likely typos. */
export function unknownFields(json: SchedulerJson, own: readonly string[]): string[] {
  const isKnown = (key: string): boolean => own.includes(key) || foreignFields.has(key);
  return Object.keys(json).filter((key) => !key.startsWith("_") && !isKnown(key));
}

function warnOfUnknown(json: SchedulerJson, className: string, fields: object): void {
  const unknown = unknownFields(json, Object.keys(fields).map(snakeCase));
  if (unknown.length === 0) return;
  process.emitWarning(
    `${className} has no ${listed(unknown)}: ignored; check the spelling in scheduler_config.json`,
  );
}

/** The snake_case form of a config, as in `scheduler_config.json`. */
export function writeFields(config: object): ConfigObject {
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [snakeCase(name), value]),
  );
}
