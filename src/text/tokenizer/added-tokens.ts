import { InvalidValueError } from "../../errors/index.ts";

/**
 * Returns a function that finds the longest token at a position of a text. With hundreds of thousands of tokens, no single
 * regular expression is possible, and trying them one by one takes milliseconds per position: this takes one look-up per token
 * length among those with the same beginning. Throws for an empty token, which matches everywhere.
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

/** Splits texts at added tokens, taking the longest match: alternates text parts and tokens, beginning and ending with a part. */
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
