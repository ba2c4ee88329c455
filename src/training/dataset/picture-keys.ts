/** No name of a file holds it. */
const SEPARATOR = "\0";

/**
 * What tells the pictures of a list apart: their names, and for one of a name that came before also which of that name it is, as
 * rows of a table may name one file several times.
 */
export function pictureKeys(names: readonly string[]): string[] {
  const times = new Map<string, number>();
  return names.map((name) => {
    const time = (times.get(name) ?? 0) + 1;
    times.set(name, time);
    return time === 1 ? name : `${name}${SEPARATOR}${time}`;
  });
}

/** A key for people. */
export function describeKey(key: string): string {
  const [name, time] = key.split(SEPARATOR);
  return time === undefined ? key : `${name} (number ${time} of that name)`;
}
