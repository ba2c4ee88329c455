const wordCharacters = "\\p{L}\\p{N}_";
const spaces =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const word = `[${wordCharacters}]`;

const meanings: ReadonlyMap<string, string> = new Map([
  ["\\w", word],
  ["\\W", `[^${wordCharacters}]`],
  ["\\d", "\\p{Nd}"],
  ["\\D", "\\P{Nd}"],
  ["\\s", `[${spaces}]`],
  ["\\S", `[^${spaces}]`],
  ["\\b", `(?:(?=${word})(?<!${word})|(?<=${word})(?!${word}))`],
]);
const insideClass: ReadonlyMap<string, string> = new Map([
  ["\\w", wordCharacters],
  ["\\s", spaces],
]);

/**
 * A pattern of Python's `re` in JavaScript: `\w`, `\d`, `\s`, `\b` and their opposites follow Unicode, and marks belong to no
 * word. The flags are `gu`, or `yu` if `sticky` requests a match at one position.
 */
export function pythonRegExp(pattern: string, { sticky = false } = {}): RegExp {
  const translated = pattern.replace(
    /(\[(?:\\.|[^\\\]])*\])|\\./gu,
    (found: string, characters: string | undefined) => {
      if (characters === undefined) return meanings.get(found) ?? found;
      return found.replace(/\\./gu, (part) => insideClass.get(part) ?? meanings.get(part) ?? part);
    },
  );
  return new RegExp(translated, sticky ? "yu" : "gu");
}

/** Python's `str.strip()`: strips white space from both ends, in linear time. */
export function pythonStrip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && space.test(text.charAt(start))) start++;
  while (end > start && space.test(text.charAt(end - 1))) end--;
  return text.slice(start, end);
}

const space = new RegExp(`[${spaces}]`, "u");
