import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ResolvedConfig } from "../../config/index.ts";
import { RunError } from "../../errors/index.ts";
import {
  BEST_POINTER_NAME,
  type CheckpointFolder,
  listCheckpoints,
  newestCheckpoint,
  readCheckpoint,
  stageCheckpoints,
} from "../checkpoints/checkpoint-folder.ts";
import type { CheckpointManifest } from "../contract/checkpoint-manifest.ts";
import { CHECKPOINTS_FOLDER } from "./run-files.ts";

/** A checkpoint that a run keeps. */
export interface KeptCheckpoint {
  readonly stage: string;
  readonly step: number;
  /** Name of its folder. */
  readonly name: string;
  readonly path: string;
  /** Short hash of what it holds: it changes if the same step is trained again, in this run or in a new one of its name. */
  readonly mark: string;
  readonly bytes: number;
  /** When it was saved, in ISO 8601. */
  readonly saved: string;
  /** Whether it has the lowest held-out loss. */
  readonly isBest: boolean;
}

/** Folder name of a stage's best checkpoint; null if none is kept. */
export function bestCheckpoint(run: string, stage: string): string | null {
  const pointer = join(stageCheckpoints(join(run, CHECKPOINTS_FOLDER), stage), BEST_POINTER_NAME);
  return existsSync(pointer) ? basename(readFileSync(pointer, "utf8").trim()) : null;
}

/** The checkpoints that a run keeps, by stage and step, without those whose manifest or file lengths are wrong. */
export async function keptCheckpoints(
  run: string,
  { stages }: Pick<ResolvedConfig, "stages">,
): Promise<KeptCheckpoint[]> {
  const all: KeptCheckpoint[] = [];
  for (const { name: stage } of stages) {
    const best = bestCheckpoint(run, stage);
    for (const { path, step } of await listCheckpoints(
      stageCheckpoints(join(run, CHECKPOINTS_FOLDER), stage),
    )) {
      const found = await readCheckpoint(path).catch(() => undefined); // damaged, or pruned in the meantime
      if (found === undefined) continue;
      const name = basename(path);
      const bytes = found.files.reduce((sum, file) => sum + file.bytes, 0);
      const [mark, saved] = [markOf(found), found.createdAt];
      all.push({ stage, step, name, path, mark, bytes, saved, isBest: name === best });
    }
  }
  return all;
}

/**
 * The newest intact checkpoint of a run that can draw from prompts: of the last text-to-image stage that has any. Throws RunError if
 * there is none.
 */
export async function newestDrawable(
  run: string,
  { stages }: Pick<ResolvedConfig, "stages">,
): Promise<CheckpointFolder> {
  for (const { kind, name } of stages.toReversed()) {
    if (kind !== "text-to-image") continue;
    const root = stageCheckpoints(join(run, CHECKPOINTS_FOLDER), name);
    const checkpoint = await newestCheckpoint(root);
    if (checkpoint !== undefined) return checkpoint;
  }
  throw new RunError(
    "ERR_NO_CHECKPOINT",
    `The run ${run} has no checkpoint of a text-to-image stage yet. Train it further`,
  );
}

const markOf = ({ run, createdAt, files }: CheckpointManifest): string =>
  createHash("sha256")
    .update(JSON.stringify([run?.id, createdAt, files]))
    .digest("hex")
    .slice(0, 8);
