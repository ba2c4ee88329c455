/**
 * Characters that control a terminal or hide text: control characters (C0 but the line feed, DEL, C1), overrides of the writing
 * direction (U+202A–U+202E, U+2066–U+2069), line breaks that only some programs see, halves of surrogate pairs.
 */
const STEERING = /[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * Makes a text from a file, a server or a command line safe for a terminal: control characters are written as `\u001b`, as in
 * JSON, so that JSON stays the same data.
 */
export const visible = (text: string): string =>
  text.replace(STEERING, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Only the beginning of a longer line is shown: a whole file given instead of a prompt would bury the rest. */
const LONGEST_LINE = 4000;

/** The same for a human-readable line, which is truncated if very long. */
export const shownLine = (line: string): string => {
  if (line.length <= LONGEST_LINE) return visible(line);
  const shown = line.slice(0, LONGEST_LINE).replace(/[\ud800-\udbff]$/, ""); // no half of a surrogate pair
  return `${visible(shown)}… (${line.length - shown.length} more characters)`;
};
