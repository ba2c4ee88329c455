/**
 * What steers a terminal or hides what is written: control characters (C0 but the line feed, DEL, C1), overrides of the writing
 * direction (U+202A–U+202E, U+2066–U+2069), line breaks that only some programs see, halves of surrogate pairs.
 */
const STEERING = /[^\P{Cc}\n]|[\u2028\u2029\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu;

/**
 * A text from a file, a server or a command line as it may stand on a terminal: what would steer it is written as `\u001b`, the
 * way that JSON has it, so that JSON stays the same data.
 */
export const visible = (text: string): string =>
  text.replace(STEERING, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** Of a longer line the beginning is shown: a whole file that stands where a prompt belongs would bury the rest. */
const LONGEST_LINE = 4000;

/** The same, of a line for people, which is cut where it is very long. */
export const shownLine = (line: string): string => {
  if (line.length <= LONGEST_LINE) return visible(line);
  const shown = line.slice(0, LONGEST_LINE).replace(/[\ud800-\udbff]$/, ""); // no half of a letter
  return `${visible(shown)}… (${line.length - shown.length} more characters)`;
};
