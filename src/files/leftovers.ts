import { join } from "node:path";
import { namesIn } from "./names-in.ts";
import { removeTree } from "./remove.ts";
import { parseTemporaryName, type TemporaryKind } from "./temporary-name.ts";

/** Something with a hidden name of ours. */
export interface Leftover {
  /** As it is in the folder. */
  readonly hidden: string;
  readonly kind: TemporaryKind;
  /** What it is, or was to be, called. */
  readonly name: string;
}

/** What lies in a folder under a hidden name of ours; nothing where there is no such folder. */
export async function leftoversIn(folder: string): Promise<Leftover[]> {
  return (await namesIn(folder)).flatMap((hidden) => {
    const parsed = parseTemporaryName(hidden);
    return parsed === undefined ? [] : [{ hidden, ...parsed }];
  });
}

/**
 * Removes what killed processes left in a folder of things that they were writing under names that `isOwn` knows. Call it only
 * where nobody else can be writing there, under a run's lock for instance: a live process's file would go too.
 */
export async function removeLeftovers(
  folder: string,
  isOwn: (name: string) => boolean,
): Promise<string[]> {
  const own = (await leftoversIn(folder)).filter(({ name }) => isOwn(name));
  for (const { hidden } of own) await removeTree(join(folder, hidden));
  return own.map(({ hidden }) => hidden);
}
