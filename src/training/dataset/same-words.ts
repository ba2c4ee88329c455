import type { World } from "../../distributed/index.ts";
import { DistributedError } from "../../errors/index.ts";
import { DataRecord } from "./data-record.ts";
import type { TrainingData } from "./training-data.ts";

/** Throws in every process if one of them has different picture names or metadata than the first. */
export function requireSameWords(world: World, data: TrainingData): void {
  if (world.size === 1) return;
  const own = DataRecord.wordsOf(data);
  const differs = world.broadcastText(own, 0) !== own;
  if (!world.any(differs)) return;
  throw new DistributedError(
    differs
      ? `Rank ${world.rank} found other pictures or captions in ${data.dataset.location} than rank 0. Make all processes read one copy of the data set, or identical copies`
      : `Another process of this run found other pictures or captions than rank 0`,
  );
}
