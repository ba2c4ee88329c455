import { depthOf, RawNumber } from "./strict-json.ts";

/** Python's parser gives up at this depth too, its usual recursion limit. */
const DEEPEST = 1000;

/** Converts a number for {@link parsePythonJson}: its spelling, or `NaN`, `Infinity` and `-Infinity`. */
export type ReadNumber<N> = (spelling: string) => N;

/** Beginnings and ends of strings, and what Python may write outside them. Keys that are not strings stay, and are refused. */
const TOKENS = /\\.|"|-?\bInfinity\b(?!\s*:)|\bNaN\b(?!\s*:)|-?\b\d[\d.eE+-]*(?!\s*:)/gs;
/** Number signs in a row, plain or escaped: an escaped one is a longer text. */
const MARKS = /(?:#|\\u0023)+/g;
const WORDS: ReadonlySet<string> = new Set(["NaN", "Infinity", "-Infinity"]);
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const WHOLE = /^-?\d+$/;
/**
 * Only these need more than JavaScript's own parser: numbers beyond 2^53 have at least 16 digits. Digits after a point lose
 * nothing.
 */
const BEYOND_JSON = /NaN|Infinity|(?<![\d.])[1-9]\d{15}/;

/**
 * Parses JSON as Python's `json` reads and writes it: NaN and the infinities are bare words, and whole numbers have any length.
 * Those beyond 2^53 become bigints, so that no digit is lost. With `number`, it converts every number. Throws SyntaxError.
 */
export function parsePythonJson(text: string, number?: ReadNumber<unknown>): unknown {
  requireShallow(text);
  if (number === undefined && !BEYOND_JSON.test(text)) return JSON.parse(text);
  const read = number ?? exactNumber;
  // What JSON can't represent is replaced by strings with a prefix that no value of the text contains.
  let mark = "#";
  for (const [run] of text.matchAll(MARKS)) mark = mark.padEnd(run.length + 1, "#");
  let inString = false;
  const standard = text.replace(TOKENS, (token) => {
    if (token === '"') inString = !inString;
    // What is not a number stays as it is, and the parser rejects it.
    const isNumber = !inString && (WORDS.has(token) || NUMBER.test(token));
    return isNumber ? `"${mark}${token}"` : token;
  });
  return JSON.parse(standard, (_key, value: unknown) =>
    typeof value === "string" && value.startsWith(mark) ? read(value.slice(mark.length)) : value,
  );
}

/** Throws SyntaxError for JSON that is nested too deep: functions that walk through values are recursive. */
export function requireShallow(text: string, deepest: number = DEEPEST): void {
  const depth = text.length > deepest ? depthOf(text) : 0;
  if (depth <= deepest) return;
  throw new SyntaxError(`Nesting of ${depth} levels; at most ${deepest} are read`);
}

function exactNumber(spelling: string): number | bigint {
  const value = Number(spelling);
  return WHOLE.test(spelling) && !Number.isSafeInteger(value) ? BigInt(spelling) : value;
}

/**
 * Writes JSON as Python's `json` reads it, on one line or with an indent. Numbers from {@link parsePythonJson} keep their digits.
 */
export function formatPythonJson(value: unknown, indent?: string, outer = ""): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Object.is(value, -0)) return "-0.0";
  if (value instanceof RawNumber) return value.text;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const inner = indent === undefined ? "" : outer + indent;
  const format = (item: unknown): string => formatPythonJson(item, indent, inner);
  const [open, close, items] = Array.isArray(value)
    ? ["[", "]", value.map(format)]
    : ["{", "}", membersOf(value, format, indent === undefined ? ":" : ": ")];
  if (items.length === 0 || indent === undefined) return `${open}${items.join(",")}${close}`;
  return `${open}\n${items.map((item) => inner + item).join(",\n")}\n${outer}${close}`;
}

const membersOf = (value: object, format: (item: unknown) => string, colon: string): string[] =>
  Object.entries(value).flatMap(([name, item]: [string, unknown]) =>
    item === undefined ? [] : [JSON.stringify(name) + colon + format(item)],
  );
