import type { ResolvedStage } from "../../config/index.ts";
import type { TensorSpec } from "../../weights/safetensors/safetensors-header.ts";
import { bytesBelow } from "../checkpoints/bytes-below.ts";
import { forecastBytes, requireDiskSpace } from "../checkpoints/checkpoint.ts";
import { stageCheckpoints } from "../checkpoints/checkpoint-folder.ts";

/** Contents of a checkpoint, by group and name. */
export type CheckpointTensors = ReadonlyMap<string, ReadonlyMap<string, TensorSpec>>;

/** Bytes of the checkpoints of a stage that are kept, plus the one being written. */
export const checkpointBytes = (stage: ResolvedStage, groups: CheckpointTensors): number =>
  forecastBytes(groups, {}) *
  (stage.keepCheckpoints + (stage.keepBest && stage.validateEvery !== null ? 2 : 1));

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
