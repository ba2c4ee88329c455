// biome-ignore lint/suspicious/noControlCharactersInRegex: str.strip() takes U+001C to U+001F for white space.
const space = /[\p{White_Space}\x1c-\x1f]/u;

/**
 * Lower-cases a caption and strips white space from both ends, as Python's `text.lower().strip()`: what diffusers'
 * `PixArtAlphaPipeline._text_preprocessing` does where `clean_caption` is false.
 */
export function prepareCaption(text: string): string {
  const lower = text.toLowerCase();
  // String.prototype.trim() has another notion of white space: it keeps U+0085 and takes U+FEFF.
  let start = 0;
  let end = lower.length;
  while (start < end && space.test(lower.charAt(start))) start++;
  while (end > start && space.test(lower.charAt(end - 1))) end--;
  return lower.slice(start, end);
}
