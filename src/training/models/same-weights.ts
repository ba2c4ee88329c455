import type { World } from "../../distributed/index.ts";
import { DistributedError } from "../../errors/index.ts";
import { tensorsHash } from "../../weights/tensors-hash.ts";
import type { StageTask } from "../contract/stage-task.ts";

/** Number of hash bytes that a float64 represents exactly. */
const BYTES = 6;

/** Throws if the processes of a run start a stage with different weights: averaged gradients would be meaningless. */
export function requireSameWeights(world: World, { models }: StageTask): void {
  if (world.size === 1) return;
  const hashes = [...models.values()].map((model) =>
    Number.parseInt(tensorsHash(model.namedParameters()).slice(0, 2 * BYTES), 16),
  );
  const all = world.gather(hashes, hashes.length);
  const others = all.flatMap((row, rank) => (row.join() === all[0]?.join() ? [] : [rank]));
  if (others.length === 0) return;
  throw new DistributedError(
    `Expected the same weights in all processes but those of rank ${others.join(", ")} differ from rank 0's. Do all machines see the same run folder and the same pretrained files?`,
  );
}
