import type { z } from "zod";
import { isPretrained, unknownKey } from "./unknown-key.ts";

/** One sentence for each thing that the schema found wrong with `config`. */
export function mistakesOf(issues: readonly z.core.$ZodIssue[], config: unknown): string[] {
  return issues.flatMap((issue) => mistakes(issue, [], config));
}

function mistakes(issue: z.core.$ZodIssue, parent: readonly PropertyKey[], config: unknown): string[] {
  const path = [...parent, ...issue.path];
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey(path, key, config));
  }
  const value = valueAt(path, config);
  // A component is new or pretrained, in this order of alternatives; only the one meant is worth a word.
  const meant = issue.code === "invalid_union" && isObject(value) && issue.errors[isPretrained(value) ? 0 : 1];
  if (meant) return meant.flatMap((inner) => mistakes(inner, path, config));
  return [expected(issue.message, path, value)];
}

/** `Expected a positive integer for stages.1.steps but received "many"`. */
export function expected(what: string, path: readonly PropertyKey[], value: unknown): string {
  const place = path.length === 0 ? "the config" : path.join(".");
  return `Expected ${what} for ${place} but received ${shown(value)}.`;
}

function valueAt(path: readonly PropertyKey[], config: unknown): unknown {
  return path.reduce<unknown>((value, key) => (isObject(value) ? value[key] : undefined), config);
}

function isObject(value: unknown): value is Readonly<Record<PropertyKey, unknown>> {
  return typeof value === "object" && value !== null;
}

function shown(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value); // JSON has no NaN
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
