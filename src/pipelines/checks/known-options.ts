import { distance } from "fastest-levenshtein";
import { expected, expectedType } from "../../errors/index.ts";
import { shownValue } from "./shown-value.ts";

/** What a value must be, in words and as a test; null if it is checked where it is used. */
export type OptionCheck = readonly [what: string, fits: (value: unknown) => boolean] | null;

export const isNumber = (value: unknown): boolean => typeof value === "number";
export const isBoolean = (value: unknown): boolean => typeof value === "boolean";
export const isText = (value: unknown): boolean => typeof value === "string";
export const isFunction = (value: unknown): boolean => typeof value === "function";
export const isObject = (value: unknown): boolean => typeof value === "object" && value !== null;

/**
 * Throws for unknown options, all at once, and for values of the wrong type. JavaScript has no compiler to catch them, and an
 * ignored option gives another picture than requested.
 * @param known every option and what its value must be
 * @param meant what other libraries call options, and what to use here
 */
export function checkOptions(
  given: unknown,
  whose: string,
  known: Readonly<Record<string, OptionCheck>>,
  meant: Readonly<Record<string, string>>,
): void {
  if (!isObject(given)) throw expectedType("an object of options", whose, shownValue(given));
  const entries = Object.entries(given as object);
  const unknown = entries.filter(([name]) => !Object.hasOwn(known, name));
  if (unknown.length > 0) {
    const names = unknown.map(([name]) => `${name}${hint(name, Object.keys(known), meant)}`);
    throw expected("known options", whose, names.join(" and "));
  }
  for (const [name, value] of entries) {
    const [what, fits] = known[name] ?? [];
    if (value !== undefined && what !== undefined && !fits?.(value))
      throw expectedType(what, name, shownValue(value));
  }
}

/** `torch_dtype` and `torchDtype` are the same typo. */
const plain = (name: string): string => name.replaceAll("_", "").toLowerCase();

function hint(
  name: string,
  known: readonly string[],
  meant: Readonly<Record<string, string>>,
): string {
  const [, advice] = Object.entries(meant).find(([other]) => plain(other) === plain(name)) ?? [];
  const near = known
    .map((each) => ({ each, edits: distance(plain(name), plain(each)) }))
    .filter(({ edits }) => edits <= Math.ceil(name.length / 3))
    .sort((a, b) => a.edits - b.edits)[0]?.each;
  const words = advice ?? near;
  return words === undefined ? "" : ` (did you mean ${words}?)`;
}
