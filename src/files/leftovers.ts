import { join } from "node:path";
import { namesIn } from "./names-in.ts";
import { removeTree } from "./remove.ts";
import { parseTemporaryName, type TemporaryKind } from "./temporary-name.ts";

/** A file or folder with one of our hidden names. */
export interface Leftover {
  /** Its name in the folder. */
  readonly hidden: string;
  readonly kind: TemporaryKind;
  /** The name it has, or was to have. */
  readonly name: string;
}

/** The entries of a folder with our hidden names; empty if the folder does not exist. */
export async function leftoversIn(folder: string): Promise<Leftover[]> {
  return (await namesIn(folder)).flatMap((hidden) => {
    const parsed = parseTemporaryName(hidden);
    return parsed === undefined ? [] : [{ hidden, ...parsed }];
  });
}

/**
 * Removes what killed processes left in a folder while writing under names that `isOwn` accepts. Only call it if nobody else can
 * be writing there, for example under a run's lock: a live process's file would be removed too.
 */
export async function removeLeftovers(
  folder: string,
  isOwn: (name: string) => boolean,
): Promise<string[]> {
  const own = (await leftoversIn(folder)).filter(({ name }) => isOwn(name));
  for (const { hidden } of own) await removeTree(join(folder, hidden));
  return own.map(({ hidden }) => hidden);
}
