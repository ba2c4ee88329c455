import { parse } from "lossless-json";

/**
 * A number that is not written as a plain non-negative integer below 2^53: it is negative, has a point or exponent, or is too
 * long.
 */
export class RawNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** As a string, so that a message shows the spelling. */
  toJSON(): string {
    return this.text;
  }
}

/** Result of parseStrictJson. */
export type StrictJson =
  | string
  | number
  | boolean
  | null
  | RawNumber
  | StrictJson[]
  | StrictJsonObject;
/** A parsed object; `__proto__` is an own key like any other. */
export interface StrictJsonObject {
  [key: string]: StrictJson;
}

const DEEPEST = 127;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Parses JSON from an untrusted source. Throws SyntaxError on anything that readers are known to disagree about: repeated keys,
 * lone surrogates, numbers beyond the double range, nesting deeper than 127.
 */
export function parseStrictJson(text: string): StrictJson {
  // Runs before the parser, which is recursive.
  const written = survey(text);
  if (written.depth > DEEPEST) {
    throw new SyntaxError(`Nesting of ${written.depth} levels; at most ${DEEPEST} are read`);
  }
  const value = parse(text, null, {
    parseNumber: (digits) => {
      const number = Number(digits);
      const isPlain = number >= 0 && Number.isSafeInteger(number) && String(number) === digits;
      return isPlain ? number : new RawNumber(digits);
    },
  }) as StrictJson;
  // The parser reports a repeated key only if the two values differ.
  if (countPairs(value) !== written.pairs) {
    throw new SyntaxError("Duplicate key: an object repeats a key with the same value");
  }
  return value;
}

/** Whether the value is a JSON object. */
export const isObject = (value: StrictJson | undefined): value is StrictJsonObject =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  !(value instanceof RawNumber);

/** Deepest nesting of a text that is JSON; any number for one that is not. */
export const depthOf = (text: string): number => survey(text).depth;

/** Number of lists in a text that is JSON, to check before they take twenty times its memory. */
export const listsIn = (text: string): number => survey(text).lists;

/** Deepest nesting and number of key-value pairs and lists of a text that is JSON; any numbers for a text that is not. */
function survey(text: string): { depth: number; pairs: number; lists: number } {
  let lists = 0;
  let depth = 0;
  let deepest = 0;
  let pairs = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === BACKSLASH) i++;
      else if (code === QUOTE) inString = false;
    } else if (code === QUOTE) inString = true;
    else if (code === COLON) pairs++;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      deepest = Math.max(deepest, ++depth);
      if (code === OPEN_BRACKET) lists++;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
  }
  return { depth: deepest, pairs, lists };
}

function countPairs(value: StrictJson): number {
  if (typeof value === "string") {
    if (LONE_SURROGATE.test(value)) throw new SyntaxError("Lone surrogate in a string");
    return 0;
  }
  if (value instanceof RawNumber) {
    if (!Number.isFinite(Number(value.text))) {
      throw new SyntaxError(`Number out of range: ${value.text.slice(0, 30)}`);
    }
    return 0;
  }
  if (typeof value !== "object" || value === null) return 0;
  let pairs = 0;
  if (Array.isArray(value)) {
    for (const item of value) pairs += countPairs(item);
    return pairs;
  }
  for (const key of Object.keys(value)) {
    if (LONE_SURROGATE.test(key)) throw new SyntaxError("Lone surrogate in a key");
    pairs += 1 + countPairs(value[key] ?? null);
  }
  return pairs;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
