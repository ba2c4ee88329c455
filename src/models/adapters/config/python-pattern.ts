import { InvalidValueError } from "../../../errors/index.ts";

/** Letter escapes that mean the same in both languages, for names of ASCII letters. */
const sharedEscapes = new Set("dDwWsSbBfnrtv");
/** Characters that JavaScript allows to be escaped outside a class; others stand for themselves. */
const syntax = new Set("^$\\.*+?()[]{}|/");
const groupStarts: readonly (readonly [python: string, javascript: string])[] = [
  ["(?:", "(?:"],
  ["(?=", "(?="],
  ["(?!", "(?!"],
  ["(?<=", "(?<="],
  ["(?<!", "(?<!"],
];
/** Start and end of the text, whatever the flags. */
const START = "(?<![\\s\\S])";
const END = "(?![\\s\\S])";

/**
 * Converts a regular expression of Python's `re`, matched like `re.fullmatch` against a whole name. Throws, naming the position,
 * for what JavaScript has no equivalent of (possessive quantifiers, atomic and conditional groups, flags of a part, verbose
 * patterns) and for what Python rejects. `field` names it in the error.
 */
export function pythonPattern(source: string, field: string): RegExp {
  const fail = (reason: string): Error =>
    new InvalidValueError(
      `Expected a Python regular expression with a counterpart in JavaScript for ${field} but received ${JSON.stringify(source)}: ${reason}`,
    );
  const [, flags = ""] = /^\(\?([aiLmsux]+)\)/.exec(source) ?? [];
  const unknown = [...flags].find((flag) => !"aimsu".includes(flag));
  if (unknown !== undefined) throw fail(`the flag ${unknown} has no counterpart`);
  const kept = [...new Set(flags)].filter((flag) => "ims".includes(flag)).join("");
  const body = source.slice(flags === "" ? 0 : flags.length + 3);
  try {
    return new RegExp(`${START}(?:${translate(body, fail)})${END}`, `u${kept}`);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw fail(error.message.replace(/^Invalid regular expression: .*: /s, ""));
  }
}

function translate(source: string, fail: (reason: string) => Error): string {
  let translated = "";
  let rest = source;
  const take = (length: number, as: string): void => {
    translated += as;
    rest = rest.slice(length);
  };
  while (rest !== "") {
    const [found] = /^(?:\\.|\[|\(\?|[*+?]\+|\{\d*,?\d*\}\+?|[\]{}]|[\s\S])/u.exec(rest) ?? [rest];
    if (found.startsWith("\\")) {
      const [length, as] = escapeOf(rest, fail);
      take(length, as);
    } else if (found === "[") {
      const [length, as] = characterClass(rest, fail);
      take(length, as);
    } else if (found === "(?") {
      const [length, as] = groupStart(rest, fail);
      take(length, as);
    } else if (found.length > 1 && found.endsWith("+")) {
      throw fail(`the possessive quantifier ${found} has no counterpart`);
    } else if (/^\{\d*,?\d*\}$/.test(found) && found !== "{}") {
      take(found.length, found.replace("{,", "{0,"));
    } else {
      take(found.length, /[\]{}]/.test(found) ? found.replace(/[\]{}]/g, "\\$&") : found);
    }
  }
  return translated;
}

type Fail = (reason: string) => Error;
/** Length in the source, and the JavaScript form. */
type Piece = readonly [length: number, as: string];

function groupStart(rest: string, fail: Fail): Piece {
  const comment = /^\(\?#[^)]*\)/.exec(rest);
  if (comment !== null) return [comment[0].length, "(?:)"];
  const reference = /^\(\?P=(\w+)\)/.exec(rest);
  if (reference !== null) return [reference[0].length, `\\k<${reference[1]}>`];
  if (rest.startsWith("(?P<")) return [4, "(?<"];
  const known = groupStarts.find(([start]) => rest.startsWith(start));
  if (known !== undefined) return [known[0].length, known[1]];
  throw fail(`${rest.slice(0, 4)}… has no counterpart`);
}

function escapeOf(rest: string, fail: Fail): Piece {
  const letter = rest[1] ?? "";
  if (letter === "A") return [2, START];
  if (letter === "Z") return [2, END];
  return character(rest, fail) ?? [2, syntax.has(letter) ? `\\${letter}` : letter];
}

/** An escape that means the same inside and outside a class, or undefined for one of a character without a meaning. */
function character(rest: string, fail: Fail): Piece | undefined {
  const letter = rest[1] ?? "";
  if (sharedEscapes.has(letter)) return [2, `\\${letter}`];
  if (letter === "a") return [2, "\\x07"];
  const code = /^\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4})/.exec(rest);
  if (code !== null) return [code[0].length, code[0]];
  const long = /^\\U([\da-fA-F]{8})/.exec(rest);
  if (long !== null) return [10, `\\u{${long[1]}}`];
  const reference = /^\\[1-9]\d?/.exec(rest);
  if (reference !== null) return [reference[0].length, reference[0]];
  if (/^[a-zA-Z\d]?$/.test(letter)) throw fail(`\\${letter} has no counterpart`);
  return undefined;
}

/** `[…]`: a `]` at its start is literal, and so is every `[` inside. */
function characterClass(rest: string, fail: Fail): Piece {
  const [whole] = /^\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]/.exec(rest) ?? [];
  if (whole === undefined) throw fail("a class without an end");
  const [, not = "", characters = ""] = /^\[(\^?)([\s\S]*)\]$/.exec(whole) ?? [];
  let translated = "";
  for (let at = 0; at < characters.length; ) {
    const next = characters.slice(at);
    const [length, as] = next.startsWith("\\")
      ? (character(next, fail) ?? [2, escaped(next[1] ?? "")])
      : [1, next[0] === "-" ? "-" : escaped(next[0] ?? "")];
    translated += as;
    at += length;
  }
  return [whole.length, `[${not}${translated}]`];
}

/** Escapes a literal character in a class. */
const escaped = (character: string): string =>
  syntax.has(character) || character === "-" ? `\\${character}` : character;
