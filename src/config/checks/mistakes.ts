import type { z } from "zod";
import { unknownKey } from "./unknown-key.ts";

/** One sentence for each error that the schema found in `config`. */
export function mistakesOf(issues: readonly z.core.$ZodIssue[], config: unknown): string[] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => unknownKey(issue.path, key, config))
      : [expected(issue.message, issue.path, valueAt(issue.path, config))],
  );
}

/** `Expected a positive integer for stages.1.steps but received "many"`. */
export function expected(what: string, path: readonly PropertyKey[], value: unknown): string {
  const place = path.length === 0 ? "the config" : path.join(".");
  return `Expected ${what} for ${place} but received ${shown(value)}.`;
}

function valueAt(path: readonly PropertyKey[], config: unknown): unknown {
  return path.reduce<unknown>((value, key) => Object(value)[key], config);
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value); // JSON has no NaN
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
