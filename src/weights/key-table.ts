import { IncompatibleError, InternalError } from "../errors/index.ts";
import type { StateSource } from "../nn/index.ts";
import type { DType } from "../torch/dtype.ts";
import * as torch from "../torch/index.ts";
import type { WeightsFile } from "./weights-file.ts";

/** Weights by key, with their element types: a file, or a file in another layout. */
export interface TypedWeights extends StateSource {
  dtype(key: string): DType;
}

/**
 * One line of a table between two layouts: a key there and the key here. `{i}` stands for a number, and `*` for `weight` or
 * `bias`. Several keys here are the parts of the one tensor there, along its first dimension.
 */
export type KeyRule = readonly [there: string, here: string | readonly string[]];

/** The tensors of a file as weights, read to `device`. Only keys that start with `prefix`, which is removed. */
export function weightsOfFile(
  file: WeightsFile,
  { prefix = "", device }: { prefix?: string; device?: torch.Device | undefined } = {},
): TypedWeights {
  const spec = (key: string) => {
    const found = file.tensors.get(prefix + key);
    if (found === undefined)
      throw new InternalError(`Expected a key of ${file.path} but received ${key}`);
    return found;
  };
  return {
    keys: () =>
      [...file.tensors.keys()].flatMap((key) =>
        key.startsWith(prefix) ? [key.slice(prefix.length)] : [],
      ),
    shape: (key) => spec(key).shape,
    dtype: (key) => spec(key).dtype,
    tensor: (key) => file.tensor(prefix + key, { device }),
  };
}

/** The weights whose keys are accepted. */
export function selectKeys(weights: TypedWeights, accept: (key: string) => boolean): TypedWeights {
  return { ...weights, keys: () => [...weights.keys()].filter(accept) };
}

/**
 * Weights in the layout of the table's left side under the keys of its right side, fused tensors split into their parts. A key
 * that the table does not know stays as it is, so that the check of the model's keys reports it.
 */
export function splitWeights(weights: TypedWeights, rules: readonly KeyRule[]): TypedWeights {
  const places = new Map<string, { there: string; part: number; parts: number }>();
  for (const there of weights.keys()) {
    const here = lookUp(there, rules) ?? [there];
    for (const [part, key] of here.entries()) {
      if (places.has(key)) {
        throw new IncompatibleError(
          `Expected one tensor for ${key} but received ${places.get(key)?.there} and ${there}`,
        );
      }
      places.set(key, { there, part, parts: here.length });
    }
  }
  const place = (key: string) => {
    const found = places.get(key);
    if (found === undefined) throw new InternalError(`Expected a known key but received ${key}`);
    return found;
  };
  const rowsOf = (key: string): number => {
    const { there, parts } = place(key);
    const rows = weights.shape(there)[0] ?? 0;
    if (rows % parts !== 0) {
      throw new IncompatibleError(
        `Expected ${parts} equal parts along the first dimension of ${there} but received ${rows} rows`,
      );
    }
    return rows / parts;
  };
  return {
    keys: () => places.keys(),
    dtype: (key) => weights.dtype(place(key).there),
    shape: (key) => {
      const { there, parts } = place(key);
      const shape = weights.shape(there);
      return parts === 1 ? shape : [rowsOf(key), ...shape.slice(1)];
    },
    tensor: (key) => {
      const { there, part, parts } = place(key);
      const whole = weights.tensor(there);
      // A view would keep all parts in memory for one of them.
      return parts === 1 ? whole : whole.narrow(0, part * rowsOf(key), rowsOf(key)).clone();
    },
  };
}

/**
 * Weights under the keys of the table's right side in the layout of its left side: the reverse of {@link splitWeights}. Throws
 * for keys that the table does not know, and if a part of a fused tensor is missing.
 */
export function joinWeights(weights: TypedWeights, rules: readonly KeyRule[]): TypedWeights {
  const parts = new Map<string, (string | undefined)[]>();
  const unknown: string[] = [];
  for (const key of weights.keys()) {
    const found = placeOfKey(key, rules);
    if (found === undefined) {
      unknown.push(key);
      continue;
    }
    const joined = parts.get(found.there) ?? new Array<undefined>(found.parts).fill(undefined);
    joined[found.part] = key;
    parts.set(found.there, joined);
  }
  const incomplete = [...parts].flatMap(([key, from]) => (from.includes(undefined) ? [key] : []));
  if (unknown.length > 0 || incomplete.length > 0) {
    const first = [...unknown, ...incomplete].slice(0, 5).join(", ");
    throw new IncompatibleError(
      `The weights cannot be converted: ${unknown.length} have no place in the other layout, and ${incomplete.length} of its tensors lack parts: ${first}`,
    );
  }
  const from = (key: string): string[] =>
    (parts.get(key) ?? []).filter((part) => part !== undefined);
  const first = (key: string): string => from(key)[0] ?? key;
  return {
    keys: () => parts.keys(),
    dtype: (key) => weights.dtype(first(key)),
    shape: (key) => {
      const rows = from(key).reduce((sum, part) => sum + (weights.shape(part)[0] ?? 0), 0);
      const shape = weights.shape(first(key));
      return from(key).length === 1 ? shape : [rows, ...shape.slice(1)];
    },
    tensor: (key) => {
      const tensors = from(key).map((part) => weights.tensor(part));
      const [only] = tensors;
      return tensors.length === 1 && only !== undefined ? only : torch.cat(tensors, 0);
    },
  };
}

const PLACEHOLDER = /\{i\}|\*/g;
const PATTERNS = new Map<string, RegExp>();

function patternOf(template: string): RegExp {
  let pattern = PATTERNS.get(template);
  if (pattern === undefined) {
    const source = template
      .replace(/[.]/g, "\\.")
      .replace(PLACEHOLDER, (found) => (found === "*" ? "(weight|bias)" : "(\\d+)"));
    pattern = new RegExp(`^${source}$`);
    PATTERNS.set(template, pattern);
  }
  return pattern;
}

/** `template` with its placeholders filled from the matching parts of `key`; undefined if `key` does not match `from`. */
function translate(key: string, from: string, template: string): string | undefined {
  const match = patternOf(from).exec(key);
  if (match === null) return undefined;
  let next = 1;
  return template.replace(PLACEHOLDER, () => match[next++] ?? "");
}

const listOf = (here: KeyRule[1]): readonly string[] => (typeof here === "string" ? [here] : here);

function lookUp(key: string, rules: readonly KeyRule[]): string[] | undefined {
  for (const [there, here] of rules) {
    const found = listOf(here).flatMap((template) => translate(key, there, template) ?? []);
    if (found.length > 0) return found;
  }
  return undefined;
}

/** Finds a key of the table's right side on its left: the key there, and which of its parts. */
export function placeOfKey(
  key: string,
  rules: readonly KeyRule[],
): { there: string; part: number; parts: number } | undefined {
  for (const [there, here] of rules) {
    const templates = listOf(here);
    for (const [part, template] of templates.entries()) {
      const found = translate(key, template, there);
      if (found !== undefined) return { there: found, part, parts: templates.length };
    }
  }
  return undefined;
}
