/** Of what a file says too much, so many are shown. */
export const MOST_LISTED = 20;
const LONGEST_NAME = 80;

/** A name from a file as it may stand in a message. */
export const shortName = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;

/** The first of many, and how many more there are: `a, b and 3 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).map(shortName).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
