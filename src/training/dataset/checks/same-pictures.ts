import { createHash } from "node:crypto";
import type { World } from "../../../distributed/index.ts";
import { DistributedError } from "../../../errors/index.ts";
import type { Example } from "../training-data.ts";

/** Number of hash bytes that a float64 represents exactly. */
const BYTES = 6;

/** How many pictures an error names for each process. */
const NAMED = 3;

type Named = Pick<Example, "file">;

/**
 * Throws in every process if one of them could read other pictures of a list than the rest: the order of pictures depends on how
 * many there are, so their batches would overlap and leave pictures out. The error says which process lacks which.
 * @param readable the entries of `listed` that this process could read, in the same order
 */
export function requireSamePictures(
  world: World,
  listed: readonly Named[],
  readable: readonly Named[],
): void {
  if (world.size === 1) return;
  const lacking = lackingIn(listed, readable);
  const hash = createHash("sha256").update(lacking.join()).digest("hex");
  const own = [lacking.length, Number.parseInt(hash.slice(0, 2 * BYTES), 16)];
  const all = world.gather(own, own.length);
  if (all.every((row) => row.join() === all[0]?.join())) return;
  const most = Math.max(...all.map(([count = 0]) => count));
  const lists = world.gather(lacking, most).map((list) => new Set(list));
  const told = lists.flatMap((list, rank) => {
    const only = [...list].filter((id) => !lists.every((each) => each.has(id)));
    if (only.length === 0) return [];
    const names = only.slice(0, NAMED).map((id) => listed[id]?.file);
    const more = only.length > NAMED ? ` and ${only.length - NAMED} more` : "";
    return [`rank ${rank} cannot read ${names.join(", ")}${more}`];
  });
  throw new DistributedError(
    `Expected the same readable pictures in all processes but ${told.join("; ")}. Make these files readable on the machines of those processes, then start again with --resume`,
  );
}

/** Positions of the listed entries that are not among the readable ones. */
function lackingIn(listed: readonly Named[], readable: readonly Named[]): number[] {
  let found = 0;
  return listed.flatMap(({ file }, id) => {
    if (readable[found]?.file !== file) return [id];
    found += 1;
    return [];
  });
}
