/** Most entries of a long list from a file that a message shows. */
export const MOST_LISTED = 20;
const LONGEST_NAME = 80;

/** A name from a file, shortened for a message. */
export const shortName = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;

/** The first of many, and how many more there are: `a, b and 3 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - MOST_LISTED;
  const shown = names.slice(0, MOST_LISTED).map(shortName).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
