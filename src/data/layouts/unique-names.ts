import { isInnerPath } from "./found-picture.ts";

/**
 * Names for the pictures of containers: the containers' own names if all are different and stay inside a folder, else for every
 * picture a name made of its container and position.
 */
export function uniqueNames<T>(
  pictures: readonly T[],
  given: (picture: T) => string | undefined,
  made: (picture: T) => string,
): string[] {
  const names = pictures.map(given);
  const good = names.filter((name) => name !== undefined && isInnerPath(name));
  if (good.length === names.length && new Set(good).size === good.length) return good as string[];
  return pictures.map(made);
}
