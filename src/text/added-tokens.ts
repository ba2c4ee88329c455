/**
 * Splits texts at added tokens, of which the longest that fits is taken: parts of the text and tokens by turns, beginning and
 * ending with a part. Where there are hundreds of thousands of them, no regular expression of them all can be made.
 */
export function addedSplitter(tokens: Iterable<string>): (text: string) => string[] {
  const byStart = new Map<string, string[]>();
  for (const token of tokens) {
    const start = firstCharacter(token, 0);
    const others = byStart.get(start);
    if (others === undefined) byStart.set(start, [token]);
    else others.push(token);
  }
  for (const group of byStart.values()) group.sort((a, b) => b.length - a.length);
  return (text) => {
    const parts: string[] = [];
    let begin = 0;
    for (let at = 0; at < text.length; ) {
      const start = firstCharacter(text, at);
      const token = byStart.get(start)?.find((each) => text.startsWith(each, at));
      if (token === undefined) at += start.length;
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
