import type { z } from "zod";
import { nearest } from "../../config/checks/did-you-mean.ts";
import { ApiError, badValue } from "./api-error.ts";

/** A valid body, and warnings about what was ignored in it. */
export interface CheckedBody<T> {
  readonly body: T;
  readonly warnings: readonly string[];
}

/**
 * Validates a body by its schema. Throws an ApiError that names the first wrong field. Unknown fields are refused, with a
 * suggestion, or ignored with a warning if the server is lenient.
 */
export function checkBody<S extends z.ZodObject>(
  schema: S,
  given: unknown,
  isLenient: boolean,
): CheckedBody<z.output<S>> {
  if (typeof given !== "object" || given === null || Array.isArray(given))
    throw badValue("a JSON object", "the body", given);
  const known = Object.keys(schema.shape);
  const entries = Object.entries(given);
  const unknown = entries.filter(([key]) => !known.includes(key)).map(([key]) => key);
  const warnings = unknown.slice(0, MOST_WARNINGS).map((key) => unknownField(key, known));
  const [first] = warnings;
  if (first !== undefined && !isLenient)
    throw new ApiError(400, "unknown_field", first, { param: shortened(unknown[0] ?? "") });
  const kept = Object.fromEntries(entries.filter(([key]) => known.includes(key)));
  const parsed = schema.safeParse(kept, { reportInput: true });
  if (!parsed.success) throw issueError(parsed.error.issues[0]);
  return { body: parsed.data, warnings };
}

const MOST_WARNINGS = 10;
/** All field names are much shorter: for a longer one no suggestion is searched, which would take long. */
const LONGEST_NAME = 60;

const shortened = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;

function unknownField(key: string, known: readonly string[]): string {
  const near = key.length > LONGEST_NAME ? undefined : nearest(key, known);
  return `Unknown field ${shortened(key)}.${near === undefined ? "" : ` Did you mean ${near}?`}`;
}

type Issue = z.core.$ZodIssue;

function issueError(issue: Issue | undefined): ApiError {
  const param = issue?.path.map(String).join(".") ?? "";
  const received = issue !== undefined && "input" in issue ? issue.input : undefined;
  const isMissing = issue?.code === "invalid_type" && received === undefined;
  const code = isMissing
    ? "missing_required_parameter"
    : param === "size"
      ? "invalid_size"
      : "invalid_value";
  return badValue(issue === undefined ? "another value" : wanted(issue), param, received, code);
}

/** What a value should have been, in words. */
function wanted(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return TYPES[issue.expected] ?? issue.expected;
    case "too_big":
      return measured(issue.origin, `at most ${issue.maximum}`);
    case "too_small":
      return issue.inclusive === false
        ? `a number above ${issue.minimum}`
        : measured(issue.origin, `at least ${issue.minimum}`);
    case "invalid_value":
      return `one of ${issue.values.map(String).join(", ")}`;
    case "unrecognized_keys":
      return `no field ${issue.keys.join(" and ")}`;
    default:
      return issue.message === "Invalid input" ? "another value" : issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object",
};

/** The quantity that a limit applies to. */
function measured(origin: string, limit: string): string {
  if (origin === "string") return `a text of ${limit} characters`;
  return origin === "array" ? `a list of ${limit} entries` : `a number of ${limit}`;
}
