/** Longest text, in characters, that is shown whole. */
const SHOWN_WHOLE = 160;
/** Most characters shown of each end of a longer one. */
const SHOWN_END = 60;

/** Shortens a text for a message: whole, or its first and last words and its length. */
export function shorten(text: string): string {
  const letters = Array.from(text);
  if (letters.length <= SHOWN_WHOLE) return text;
  const words = (end: string, cut: RegExp): string => end.replace(cut, "") || end;
  const first = words(letters.slice(0, SHOWN_END).join(""), /\s+\S*$/);
  const last = words(letters.slice(-SHOWN_END).join(""), /^\S*\s+/);
  return `${first} … ${last} (${letters.length} letters)`;
}
