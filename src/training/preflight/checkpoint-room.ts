import type { ResolvedStage } from "../../config/index.ts";
import type { TensorSpec } from "../../weights/safetensors/safetensors-header.ts";
import { bytesBelow } from "../checkpoints/bytes-below.ts";
import { forecastBytes, requireDiskSpace } from "../checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";

/** Contents of a checkpoint, by group and name. */
export type CheckpointTensors = ReadonlyMap<string, ReadonlyMap<string, TensorSpec>>;

/**
 * Bytes that the checkpoints of a stage take at most: those that are kept, the best and the one being written, but no more than the
 * stage saves, and one for where it is interrupted.
 */
export function checkpointBytes(stage: ResolvedStage, groups: CheckpointTensors): number {
  const { steps, checkpointEvery, keepCheckpoints, keepBest, validateEvery, validationSamples } =
    stage;
  const isBestKept = keepBest && validateEvery !== null && validationSamples > 0;
  const kept = keepCheckpoints + (isBestKept ? 1 : 0);
  const saved = Math.ceil(steps / checkpointEvery);
  return forecastBytes(groups, {}) * (Math.min(kept, saved) + 1);
}

/**
 * Refuses to start or continue if the disk lacks room for the stage's checkpoints that do not exist yet, or at least for the one
 * being written.
 * @param checkpoints the run's checkpoint folder
 */
export async function requireCheckpointRoom(
  checkpoints: string,
  stage: ResolvedStage,
  groups: CheckpointTensors,
): Promise<void> {
  const saved = await bytesBelow(stageCheckpoints(checkpoints, stage.name));
  const missing = checkpointBytes(stage, groups) - saved;
  await requireDiskSpace(checkpoints, Math.max(missing, forecastBytes(groups, {})));
}
