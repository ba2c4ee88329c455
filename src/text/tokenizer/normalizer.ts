import { InvalidValueError } from "../../errors/index.ts";
import { BadFileError, quote } from "../../files/reading/errors.ts";

/** Prepares a text for its vocabulary. */
export type NormalizeText = (text: string) => string;

/** The parsed `normalizer` of a `tokenizer.json`. */
export interface ParsedNormalizer {
  /** The steps before SentencePiece's character map, or all steps if the file has none. */
  readonly steps: readonly NormalizeText[];
  /** The JSON of those steps, for writing them again. */
  readonly json: readonly object[];
  /** SentencePiece's character map, which also handles white space, and its position in the file. */
  readonly charsmap: { readonly blob: Buffer; readonly place: string } | undefined;
}

/** Most steps of a `tokenizer.json`; known ones have a handful. */
const MOST_STEPS = 64;
/** Longest replacement, or prefix of a text, of one step. */
const LONGEST_CONTENT = 256;
/** Most growth of a text, with at least one million characters allowed; a ligature becomes 18 by NFKD. */
const MOST_GROWTH = 32;

/** A text after all steps. Throws if they make it unreasonably long. */
export function normalized(text: string, steps: readonly NormalizeText[]): string {
  const most = Math.max(1_000_000, MOST_GROWTH * text.length);
  return steps.reduce((made, step) => {
    const longer = step(made);
    if (longer.length <= most) return longer;
    throw new InvalidValueError(
      `Expected a tokenizer whose normalizer makes at most ${most} characters of ${text.length} but received one that makes ${longer.length}`,
    );
  }, text);
}

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const forms = ["NFC", "NFD", "NFKC", "NFKD"] as const;

/** Characters that `Nmt` removes, and those that it replaces by spaces (huggingface/tokenizers `normalizers/unicode.rs`). */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to find.
const NMT_CONTROL = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const NMT_SPACE = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;

/** Oniguruma and JavaScript agree on letters, digits, spaces and a few signs, each with a quantifier. */
const PLAIN_PATTERN = /^(?:[\p{L}\p{N} _▁'"`,;:!#%&~-](?:\{\d+,\d*\}|\{\d+\}|[+*])?)+$/u;

const isTrue = (value: unknown, initial: boolean): boolean | undefined =>
  value === undefined ? initial : typeof value === "boolean" ? value : undefined;

/** The function of a single normalizer; undefined if it is not supported. */
function stepOf(json: Fields): NormalizeText | undefined {
  const form = forms.find((known) => known === json.type);
  if (form !== undefined) return (text) => text.normalize(form);
  switch (json.type) {
    // Letter by letter: a sigma at the end of a word is treated as elsewhere.
    case "Lowercase":
      return (text) => Array.from(text, (letter) => letter.toLowerCase()).join("");
    case "Strip": {
      const [left, right] = [isTrue(json.strip_left, true), isTrue(json.strip_right, true)];
      if (left === undefined || right === undefined) return undefined;
      const start = (text: string): string =>
        left ? text.replace(/^\p{White_Space}+/u, "") : text;
      return (text) => (right ? trimEnd(start(text)) : start(text));
    }
    case "StripAccents":
      return (text) => text.replace(/\p{M}/gu, "");
    case "Nmt":
      return (text) => text.replace(NMT_CONTROL, "").replace(NMT_SPACE, " ");
    case "Prepend": {
      const { prepend } = json;
      return typeof prepend === "string" && prepend.length <= LONGEST_CONTENT
        ? (text) => (text === "" ? "" : prepend + text)
        : undefined;
    }
    case "Replace":
      return replaceStep(json);
    default:
      return undefined;
  }
}

/** Searches from the end: a regular expression would try every run of white space in between. */
function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && /\p{White_Space}/u.test(text[end - 1] ?? "")) end--;
  return text.slice(0, end);
}

function replaceStep({ pattern, content }: Fields): NormalizeText | undefined {
  if (!isFields(pattern) || typeof content !== "string") return undefined;
  if (content.length > LONGEST_CONTENT) return undefined;
  const { String: literal, Regex: regex } = pattern;
  if (typeof literal === "string" && literal !== "")
    return (text) => text.replaceAll(literal, () => content);
  if (typeof regex !== "string" || !PLAIN_PATTERN.test(regex)) return undefined;
  const compiled = new RegExp(regex, "gu");
  return (text) => text.replace(compiled, () => content);
}

/** The rule that transformers 4 wrote after the character map. SentencePiece's own white space handling does the same. */
const isWhiteSpaceRule = (json: Fields): boolean =>
  (json.type === "Strip" && json.strip_left === false) ||
  (json.type === "Replace" && isFields(json.pattern) && json.pattern.Regex === " {2,}");

/**
 * Parses the `normalizer` of a `tokenizer.json`: those of huggingface/tokenizers that JavaScript can reproduce exactly. Throws a
 * BadFileError that names one it can't.
 */
export function parseNormalizer(path: string, value: unknown): ParsedNormalizer {
  const steps: NormalizeText[] = [];
  const json: object[] = [];
  let charsmap: ParsedNormalizer["charsmap"];
  const fail = (place: string, found: unknown): BadFileError =>
    new BadFileError(
      path,
      place,
      "null or supported normalizers (Precompiled, NFC, NFD, NFKC, NFKD, Nmt, Lowercase, Strip, StripAccents, Replace of a text or a plain pattern, Prepend, Sequence)",
      quote(found),
    );
  const read = (one: unknown, place: string): void => {
    if (!isFields(one)) throw fail(place, one);
    if (one.type === "Sequence") {
      if (!Array.isArray(one.normalizers)) throw fail(`${place}.normalizers`, one.normalizers);
      for (const [i, inner] of one.normalizers.entries()) read(inner, `${place}.normalizers.${i}`);
      return;
    }
    if (charsmap !== undefined) {
      if (isWhiteSpaceRule(one)) return;
      throw new BadFileError(
        path,
        place,
        "only rules for white space after the character map (Precompiled)",
        quote(one),
      );
    }
    if (one.type === "Precompiled") {
      const { precompiled_charsmap: base64 } = one;
      if (typeof base64 !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
        throw fail(place, one);
      charsmap = {
        blob: Buffer.from(base64, "base64"),
        place: `${place}.precompiled_charsmap`,
      };
      return;
    }
    const step = stepOf(one);
    if (step === undefined) throw fail(place, one);
    if (steps.length === MOST_STEPS)
      throw new BadFileError(path, place, `at most ${MOST_STEPS} normalizers`, "more");
    steps.push(step);
    json.push(one);
  };
  if (value !== null && value !== undefined) read(value, "normalizer");
  return { steps, json, charsmap };
}
