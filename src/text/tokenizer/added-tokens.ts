import { InvalidValueError } from "../../errors/index.ts";

/**
 * Gives the longest token that a text has at a place, where one is there. Where there are hundreds of thousands of them, no
 * regular expression of them all can be made, and trying one after another takes milliseconds a place: it takes as many looks as
 * the tokens that begin alike have lengths. Throws for an empty token, which is everywhere.
 */
export function longestToken(
  tokens: Iterable<string>,
): (text: string, at: number) => string | undefined {
  const known = new Set(tokens);
  if (known.has(""))
    throw new InvalidValueError('Expected tokens that are not empty but received ""');
  const byStart = new Map<string, Set<number>>();
  for (const token of known) {
    const start = firstCharacter(token, 0);
    const lengths = byStart.get(start);
    if (lengths === undefined) byStart.set(start, new Set([token.length]));
    else lengths.add(token.length);
  }
  const lengthsOf = new Map(
    Array.from(byStart, ([start, lengths]) => [start, [...lengths].sort((a, b) => b - a)]),
  );
  return (text, at) => {
    for (const length of lengthsOf.get(firstCharacter(text, at)) ?? []) {
      const found = text.slice(at, at + length);
      if (known.has(found)) return found;
    }
    return undefined;
  };
}

/**
 * Splits texts at added tokens, of which the longest that fits is taken: parts of the text and tokens by turns, beginning and
 * ending with a part.
 */
export function addedSplitter(tokens: Iterable<string>): (text: string) => string[] {
  const tokenAt = longestToken(tokens);
  return (text) => {
    const parts: string[] = [];
    let begin = 0;
    for (let at = 0; at < text.length; ) {
      const token = tokenAt(text, at);
      if (token === undefined) at += firstCharacter(text, at).length;
      else {
        parts.push(text.slice(begin, at), token);
        at += token.length;
        begin = at;
      }
    }
    return [...parts, text.slice(begin)];
  };
}

const firstCharacter = (text: string, at: number): string =>
  String.fromCodePoint(text.codePointAt(at) ?? 0);
