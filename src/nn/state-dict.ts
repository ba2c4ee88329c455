import { IncompatibleError, InvalidValueError } from "../errors/index.ts";
import type { Tensor } from "../torch/index.ts";

/** Weights by key, read on demand: a file, or tensors in memory. */
export interface StateSource {
  keys(): Iterable<string>;
  shape(key: string): readonly number[];
  tensor(key: string): Tensor;
}

/** A {@link StateSource} over tensors in memory. */
export function sourceOf(state: StateSource | ReadonlyMap<string, Tensor>): StateSource {
  if (!(state instanceof Map)) return state as StateSource;
  const get = (key: string): Tensor => {
    const tensor = state.get(key) as Tensor | undefined;
    if (tensor === undefined) throw new InvalidValueError(`Expected weights under the key ${key}`);
    return tensor;
  };
  return { keys: () => state.keys(), shape: (key) => get(key).shape, tensor: get };
}

const MAX_LISTED = 20;

function list(title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  const more = lines.length > MAX_LISTED ? [`    … and ${lines.length - MAX_LISTED} more`] : [];
  return [
    `  ${title} (${lines.length}):`,
    ...lines.slice(0, MAX_LISTED).map((l) => `    ${l}`),
    ...more,
  ];
}

/** Throws one error that lists every missing, unexpected and mis-shaped key. */
export function checkKeys(
  owner: string,
  wanted: ReadonlyMap<string, readonly number[]>,
  source: StateSource,
): void {
  const found = new Set(source.keys());
  const missing = [...wanted.keys()].filter((key) => !found.has(key));
  const unexpected = [...found].filter((key) => !wanted.has(key));
  const misshaped = [...wanted].flatMap(([key, shape]) => {
    if (!found.has(key)) return [];
    const actual = source.shape(key);
    if (actual.length === shape.length && actual.every((size, i) => size === shape[i])) return [];
    return [`${key}: expected [${shape.join(", ")}], found [${actual.join(", ")}]`];
  });
  if (missing.length + unexpected.length + misshaped.length === 0) return;
  throw new IncompatibleError(
    [
      `The weights do not fit ${owner}; nothing was loaded.`,
      ...list("missing", missing),
      ...list("unexpected", unexpected),
      ...list("of another shape", misshaped),
    ].join("\n"),
  );
}
