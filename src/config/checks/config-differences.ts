import { isDeepStrictEqual } from "node:util";

/** A path at which two configs differ; a value is undefined if its config has nothing there. */
export interface ConfigDifference {
  readonly place: string;
  readonly values: readonly [a: unknown, b: unknown];
}

/** Formats one of the two values for the user. */
export const valueText = (value: unknown): string =>
  value === undefined ? "-" : JSON.stringify(value);

/** Where two objects differ, by path. Lists are compared as values, except `stages`, whose entries are compared by index. */
export function differencesOf(a: object, b: object): ConfigDifference[] {
  const [left, right] = [leaves(a), leaves(b)];
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((place): ConfigDifference[] => {
    const values = [left.get(place), right.get(place)] as const;
    return isDeepStrictEqual(...values) ? [] : [{ place, values }];
  });
}

/** The leaf values of nested objects, by path. */
function leaves(value: object, path = ""): Map<string, unknown> {
  return new Map(
    Object.entries(value).flatMap(([key, inner]) =>
      typeof inner === "object" && inner !== null && (!Array.isArray(inner) || key === "stages")
        ? [...leaves(inner, `${path}${key}.`)]
        : [[`${path}${key}`, inner] as const],
    ),
  );
}
