import { join } from "node:path";
import { unlessItFails } from "../../files/unless-it-fails.ts";
import {
  hasAllFiles,
  listCheckpoints,
  stageCheckpoints,
} from "../checkpoints/checkpoint-folder.ts";
import { CHECKPOINTS_FOLDER } from "./run-files.ts";
import type { RunFolder } from "./run-folder.ts";
import { RunLostError } from "./run-lost-error.ts";

/**
 * The error for a run that lost its folder, whatever failed as a result. Undefined if the process still has the folder or if that
 * cannot be determined: then the original failure is what to report.
 */
export async function lossOf(run: RunFolder, cause: unknown): Promise<RunLostError | undefined> {
  const reason = unlessItFails(() => run.lossReason());
  if (reason === undefined) return undefined;
  const rest = await howToGoOn(run).catch(() => NO_WAY);
  return new RunLostError(`${reason}; ${rest}`, { cause });
}

const NO_WAY = "nothing more is written";

async function howToGoOn(run: RunFolder): Promise<string> {
  const place = run.place();
  if (place === undefined) return NO_WAY;
  const newest = await newestIn(place, run);
  return newest === undefined
    ? `it has no checkpoint yet, so it starts over there with --work-dir ${place} --resume`
    : `its newest complete checkpoint is ${newest}: continue from it with --work-dir ${place} --resume`;
}

/** The newest checkpoint of the last stage that has any, judged by manifest and file lengths. */
async function newestIn(place: string, run: RunFolder): Promise<string | undefined> {
  for (const { name } of run.config.stages.toReversed()) {
    const listed = await listCheckpoints(stageCheckpoints(join(place, CHECKPOINTS_FOLDER), name));
    for (const { path } of listed.toReversed()) if (await hasAllFiles(path)) return path;
  }
  return undefined;
}
