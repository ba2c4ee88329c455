/** Does not occur in file names. */
const SEPARATOR = "\0";

/**
 * Unique keys for a list of pictures: their names, plus a counter for repeated names, as rows of a table may name one file
 * several times.
 */
export function pictureKeys(names: readonly string[]): string[] {
  const times = new Map<string, number>();
  return names.map((name) => {
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    return time === 1 ? name : `${name}${SEPARATOR}${time}`;
  });
}

/** Formats a key for the user. */
export function describeKey(key: string): string {
  const [name, time] = key.split(SEPARATOR);
  return time === undefined ? key : `${name} (number ${time} of that name)`;
}
