/** White space, and characters that are not drawn: zero-width spaces and joiners, byte order marks, fillers. */
const NOTHING_TO_SEE = /^[\s\p{Default_Ignorable_Code_Point}\u2800]*$/u;

/** A caption without white space at its ends; undefined where nothing can be read in it. */
export function captionText(text: string): string | undefined {
  return NOTHING_TO_SEE.test(text) ? undefined : text.trim();
}
