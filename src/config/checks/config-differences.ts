import { isDeepStrictEqual } from "node:util";

/** A place of two configs at which they differ; undefined where one of them has no such place. */
export interface ConfigDifference {
  readonly place: string;
  readonly values: readonly [a: unknown, b: unknown];
}

/** One of the two values, for people. */
export const valueText = (value: unknown): string =>
  value === undefined ? "-" : JSON.stringify(value);

/** Where two objects differ, by path. Lists are values, but for `stages`, whose entries are told apart by their number. */
export function differencesOf(a: object, b: object): ConfigDifference[] {
  const [left, right] = [leaves(a), leaves(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place): ConfigDifference[] => {
    const values = [left.get(place), right.get(place)] as const;
    return isDeepStrictEqual(...values) ? [] : [{ place, values }];
  });
}

/** The values of nested objects by path. */
function leaves(value: object, path = ""): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null && (!Array.isArray(inner) || key === "stages")
        ? [...leaves(inner, `${path}${key}.`)]
        : [[`${path}${key}`, inner] as const],
    ),
  );
}
