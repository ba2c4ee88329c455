import { closest, distance } from "fastest-levenshtein";
import { IncompatibleError, InvalidValueError, UnsupportedError } from "../errors/index.ts";
import { camelCase, snakeCase } from "../files/reading/case.ts";
import type { Field, FieldsOf } from "../files/reading/config-fields.ts";
import { quote } from "../files/reading/errors.ts";
import type { ConfigObject } from "../weights/index.ts";
import { MOST_LISTED, shortName } from "../weights/listed.ts";

/** Called with what is ignored in a file. */
export type Warn = (message: string) => void;

/** Most side length of a latent picture: at 8 pixels a latent, larger squares exceed the 64 megapixels that can be drawn. */
export const MOST_SAMPLE_SIZE = 1000;

/** Warns that a model with dropout is trained without it, which does not affect drawing. */
export function warnOfDropout(
  { dropout }: { readonly dropout: number },
  path: string,
  warn?: Warn,
): void {
  if (dropout > 0) warn?.(`${path}: dropout ${dropout} has no effect here: training is without it`);
}

/**
 * Fills in the defaults. Throws one error that lists every unknown field and every value that isn't understood; `label` formats a
 * field's name in it.
 */
export function completeConfig<C extends object>(
  fields: FieldsOf<C>,
  given: Readonly<Record<string, unknown>>,
  label: (field: string) => string = (field) => field,
): C {
  const known = Object.entries<Field<unknown>>(fields);
  const names = known.map(([name]) => name);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  const problems = unknown
    .slice(0, MOST_LISTED) // finding the nearest name takes time
    .map(
      (name) =>
        `Unknown field ${label(shortName(name))}. Did you mean ${label(closest(shortName(name), names))}?`,
    );
  const unnamed = unknown.length - problems.length;
  const config = known.map(([name, { initial, expected, accepts }]) => {
    const value = name in given ? given[name] : initial;
    if (!accepts(value)) {
      problems.push(`Expected ${expected} for ${label(name)} but received ${quote(value)}`);
    }
    return [name, value];
  });
  const shown = problems.slice(0, MOST_LISTED);
  const more = unnamed + problems.length - shown.length;
  if (more > 0) shown.push(`and ${more} more`);
  if (shown.length > 0) throw new InvalidValueError(shown.join("\n"));
  return Object.fromEntries(config) as C;
}

/** A value with its field names, if any, changed by `rename`. */
const renamed = (value: unknown, rename: (name: string) => string): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [rename(name), inner]))
    : value;

/**
 * Throws unless a `config.json`, which `path` names, is of diffusers' class `className` or names none. Also accepts the class
 * that was once used for all transformers, if its norm is that of the wanted one.
 */
export function requireClass(
  json: Readonly<Record<string, unknown>>,
  path: string,
  className: string,
  olderNormType?: string,
): void {
  const { _class_name: found, norm_type: normType } = json;
  if (found === className || found === undefined) return;
  if (olderNormType === undefined) {
    throw new IncompatibleError(
      `Expected ${className} for _class_name in ${path} but received ${quote(found)}`,
    );
  }
  if (found === "Transformer2DModel" && normType === olderNormType) return;
  throw new IncompatibleError(
    `Expected ${className}, or Transformer2DModel with norm_type "${olderNormType}", for _class_name in ${path} but received ${quote(found)} with norm_type ${quote(normType)}`,
  );
}

/** Fields that diffusers writes in addition to a model's own: its bookkeeping, older classes' options, and its EMA's state. */
const foreign: ReadonlySet<string> = new Set([
  "double_self_attention",
  "quantization_config",
  "num_vector_embeds",
  "only_cross_attention",
  "use_linear_projection",
  "decay",
  "inv_gamma",
  "min_decay",
  "optimization_step",
  "power",
  "update_after_step",
  "use_ema_warmup",
]);

/** Edit distance up to which a word counts as a typo. */
const MOST_SLIPS = 2;

/** Throws if a `config.json`, which `path` names, says that the weights are packed in a way that isn't supported. */
export function refuseQuantized(json: Readonly<Record<string, unknown>>, path: string): void {
  const { quantization_config: packed } = json;
  if (packed === undefined || packed === null) return;
  const method = (packed as Record<string, unknown>).quant_method ?? "an unknown method";
  throw new UnsupportedError(
    `Expected weights that are not quantized for ${path} but received quantization_config of ${method}. Load the model that they were made from; \`quantize: "int8"\` makes it smaller.`,
  );
}

/**
 * Reads the snake_case fields of a `config.json` that belong to `fields`, ignoring what diffusers adds to them. An unknown field
 * is ignored, as in diffusers, with a call to `warn`. `path` names the file.
 */
export function readConfig<C extends object>(
  fields: FieldsOf<C>,
  json: Readonly<Record<string, unknown>>,
  path: string,
  warn: Warn = () => {},
): C {
  refuseQuantized(json, path);
  const own = Object.entries(json)
    .filter(([key]) => !key.startsWith("_") && !foreign.has(key))
    .map(([key, value]) => [camelCase(key), renamed(value, camelCase), key] as const);
  const names = Object.keys(fields);
  const known = new Set(names);
  const unknown = own.filter(([name]) => !known.has(name));
  for (const [i, [long, , key]] of unknown.slice(0, MOST_LISTED).entries()) {
    const name = shortName(long);
    const near = closest(name, names);
    const advice = distance(name, near) > MOST_SLIPS ? "" : ` Did you mean ${snakeCase(near)}?`;
    const left = i + 1 === MOST_LISTED ? unknown.length - MOST_LISTED : 0;
    const more = left > 0 ? ` So were ${left} more.` : "";
    warn(`${path}: the field ${shortName(key)} is not known and was ignored.${advice}${more}`);
  }
  return completeConfig(
    fields,
    Object.fromEntries(own.filter(([name]) => known.has(name))),
    (field) => `${snakeCase(field)} in ${path}`,
  );
}

/**
 * Reads the snake_case fields of a `config.json` of transformers that belong to `fields`; the many fields of other parts are
 * ignored. `path` names the file, and the part of it, in errors.
 */
export function readOwnFields<C extends object>(
  fields: FieldsOf<C>,
  json: Readonly<Record<string, unknown>>,
  path: string,
): C {
  const own = Object.keys(fields).filter((field) => snakeCase(field) in json);
  const given = Object.fromEntries(own.map((field) => [field, json[snakeCase(field)]]));
  return completeConfig(fields, given, (field) => `${snakeCase(field)} in ${path}`);
}

/** The fields of a configuration as transformers names them. */
export const snakeFields = (config: object): ConfigObject =>
  Object.fromEntries(Object.entries(config).map(([field, value]) => [snakeCase(field), value]));

/** The snake_case form of a configuration, with the class that Python builds from it. */
export function writeConfig(config: object, className: string): ConfigObject {
  const own = Object.entries(config).map(([name, value]) => [
    snakeCase(name),
    renamed(value, snakeCase),
  ]);
  return { _class_name: className, ...Object.fromEntries(own) };
}
