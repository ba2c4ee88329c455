import type { ResolvedStage } from "../../config/index.ts";
import { World } from "../../distributed/index.ts";
import { IncompatibleError } from "../../errors/index.ts";

/** The processes that share a stage's steps. */
export interface Sharing {
  readonly world: World;
  /**
   * Number of processes the run began with: a step has this many times the stage's passes, however many processes there are now.
   */
  readonly processes: number;
}

/** A single process does everything. */
export const ALONE: Sharing = { world: World.solo, processes: 1 };

/** Forward passes per step, over all processes. Throws if there are more processes than passes. */
export function passesOf(
  { name, batchSize, gradientAccumulation }: ResolvedStage,
  { world, processes }: Sharing,
): number {
  const passes = gradientAccumulation * processes;
  if (passes >= world.size) return passes;
  throw new IncompatibleError(
    `Stage "${name}": a step has ${passes} batches of ${batchSize}, which ${world.size} processes cannot share. Use --gpus ${passes} or fewer, or start a new run with more processes`,
  );
}
